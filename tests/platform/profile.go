package platform

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// profileVariable names the profile that platforms run with whose tests do not choose one: local, or redis,
// where each data folder has a redis-server of its own.
const profileVariable = "SEAPORT_TEST_PROFILE"

// OnRedis reports whether platforms run on a real Redis.
func OnRedis() bool { return os.Getenv(profileVariable) == "redis" }

// OnlyLocal skips a test that is about what profile local consists of. The reason says what Redis lacks or does
// otherwise.
func OnlyLocal(t testing.TB, reason string) {
	t.Helper()
	if OnRedis() {
		t.Skip("not on Redis: " + reason)
	}
}

// profile returns the flags of `seaport up` that say what a platform on a data folder is made of, and the
// Redis there, if it is one.
func profile(data string, flags []string) ([]string, *Redis, error) {
	if !OnRedis() || slices.Contains(flags, "--profile") {
		return []string{"--root", Root()}, nil, nil
	}
	server, err := redisOf(data)
	if err != nil {
		return nil, nil, err
	}
	return []string{"--root", server.root, "--profile", "redis"}, server, nil
}

// edited makes a project's root whose components name another address of Redis. That is what a user edits, too:
// the YAML. The services are those of the checkout.
func edited(folder, address string) error {
	for _, name := range []string{"components", "examples", "tools"} {
		if err := os.CopyFS(filepath.Join(folder, name), os.DirFS(filepath.Join(Root(), name))); err != nil {
			return fmt.Errorf("copying the project's %s: %w", name, err)
		}
	}
	back, err := filepath.Rel(folder, Root())
	if err != nil {
		return fmt.Errorf("finding the checkout: %w", err)
	}
	for _, edit := range []struct{ name, old, replacement string }{
		{"go.work", "", ""}, // it marks a root
		{"dapr.yaml", "appDirPath: .\n", "appDirPath: " + back + "\n"},
		{"components/redis/pubsub.yaml", "localhost:6379", address},
		{"components/redis/statestore.yaml", "localhost:6379", address},
	} {
		content, err := os.ReadFile(filepath.Join(Root(), edit.name))
		if err != nil {
			return fmt.Errorf("copying the project: %w", err)
		}
		if edit.old != "" && !strings.Contains(string(content), edit.old) {
			return fmt.Errorf("%s has no %q any more", edit.name, edit.old)
		}
		content = []byte(strings.ReplaceAll(string(content), edit.old, edit.replacement))
		if edit.old == "" {
			content = nil
		}
		if err := os.WriteFile(filepath.Join(folder, edit.name), content, 0o644); err != nil {
			return fmt.Errorf("copying the project: %w", err)
		}
	}
	return nil
}

// servers are the Redis servers of this process's platforms, by data folder. They outlast their platforms, as a
// server does, until the tests end.
var servers struct {
	sync.Mutex

	by map[string]*Redis
}

func redisOf(data string) (*Redis, error) {
	servers.Lock()
	defer servers.Unlock()
	if server := servers.by[data]; server != nil {
		return server, nil
	}
	folder := filepath.Join(scratch, fmt.Sprintf("redis-%d", len(servers.by)))
	server, err := startRedis(folder)
	if err != nil {
		return nil, err
	}
	if err := edited(server.root, server.address); err != nil {
		return nil, err
	}
	if servers.by == nil {
		servers.by = make(map[string]*Redis)
	}
	servers.by[data] = server
	return server, nil
}

func stopServers() {
	servers.Lock()
	defer servers.Unlock()
	for _, server := range servers.by {
		server.stop()
	}
}
