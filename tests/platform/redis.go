package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server of the tests' own, on a free port of the loopback, that writes down what it is told before
// it answers.
type Redis struct {
	root    string // the project's root with this server's address
	address string
	cmd     *exec.Cmd
	client  *redis.Client
}

// Redis returns the server of a platform that runs on Redis.
func (p *Platform) Redis(t testing.TB) *redis.Client {
	t.Helper()
	if p.redis == nil {
		t.Skipf("not on Redis: make test-redis sets %s", profileVariable)
	}
	return p.redis.client
}

func startRedis(folder string) (*Redis, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("%s is redis: %w", profileVariable, err)
	}
	r := &Redis{root: filepath.Join(folder, "root")}
	data := filepath.Join(folder, "data")
	for _, folder := range []string{r.root, data} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, fmt.Errorf("making a folder for Redis: %w", err)
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	r.cmd = exec.Command(program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", data,
		"--appendonly", "yes", "--save", "", "--logfile", filepath.Join(folder, "redis.log"))
	r.cmd.SysProcAttr = attributes()
	if err := launch(r.cmd); err != nil {
		return nil, fmt.Errorf("starting redis-server: %w", err)
	}
	r.client = redis.NewClient(&redis.Options{Addr: r.address})
	if err := poll(10*time.Second, func() error { return r.client.Ping(context.Background()).Err() }); err != nil {
		r.stop()
		return nil, fmt.Errorf("redis-server at %s: %w", r.address, err)
	}
	return r, nil
}

func (r *Redis) stop() {
	_ = r.client.Close()
	_ = r.cmd.Process.Kill() // its folder goes too
	_ = r.cmd.Wait()
}

// freePort returns a port below those that the system gives to connections: one of those could be taken before
// the server listens.
func freePort() (int, error) {
	for port := 21_000 + os.Getpid()%5_000; port < 32_000; port++ {
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port for Redis")
}

// scanned is how many keys one step of a scan looks at.
const scanned = 1000

// rows returns what is in the state store of an app under a prefix. Dapr keeps a key as a hash: its data, its
// version, and the mark of one that was written on a condition.
func (r *Redis) rows(app, prefix string) (map[string]json.RawMessage, error) {
	ctx := context.Background()
	begin := app + "||" + prefix
	found := make(map[string]json.RawMessage)
	for cursor := uint64(0); ; {
		keys, next, err := r.client.Scan(ctx, cursor, escapeGlob(begin)+"*", scanned).Result()
		if err != nil {
			return nil, fmt.Errorf("reading the store of %s: %w", app, err)
		}
		values := make([]*redis.StringCmd, len(keys))
		if _, err := r.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range keys {
				values[i] = pipe.HGet(ctx, key, "data")
			}
			return nil
		}); err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("reading the store of %s: %w", app, err)
		}
		for i, key := range keys {
			if data, err := values[i].Bytes(); err == nil { // else it was deleted since
				found[strings.TrimPrefix(key, begin)] = data
			}
		}
		if cursor = next; cursor == 0 {
			return found, nil
		}
	}
}

// escapeGlob makes a pattern that matches the text alone.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}

// Stream returns what a topic's stream holds, the oldest first: CloudEvents as JSON.
func (p *Platform) Stream(t testing.TB, topic string) []string {
	t.Helper()
	entries, err := p.Redis(t).XRange(t.Context(), topic, "-", "+").Result()
	if err != nil {
		t.Fatalf("reading stream %s: %v", topic, err)
	}
	events := make([]string, len(entries))
	for i, entry := range entries {
		data, ok := entry.Values["data"].(string)
		if !ok {
			t.Fatalf("entry %s of stream %s has no data: %v", entry.ID, topic, entry.Values)
		}
		events[i] = data
	}
	return events
}
