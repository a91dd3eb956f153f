package daprcli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"seaport.example/tests/platform"
)

// clone is a folder with the project's files and nothing else.
type clone struct {
	folder string
	config string // the command line keeps its log-in there
	had    []string
	redis  int // port
}

// newClone copies what git has, and what it would take.
func newClone(t *testing.T) *clone {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &clone{folder: filepath.Join(folder, "seaport"), config: filepath.Join(folder, "config")}
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = platform.Root()
	names, err := list.Output()
	if err != nil {
		t.Fatalf("listing the project's files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		from, to := filepath.Join(platform.Root(), name), filepath.Join(c.folder, name)
		info, err := os.Lstat(from)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue // removed, and not yet committed
		}
		content, err := os.ReadFile(from)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	c.had = c.files(t, ".")
	return c
}

// files lists what is in a folder of the clone, and what is in its folders.
func (c *clone) files(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(c.folder, folder), func(path string, _ fs.DirEntry, err error) error {
		found = append(found, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// added lists what is new in the root of the clone.
func (c *clone) added(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(c.folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !slices.Contains(c.had, filepath.Join(c.folder, entry.Name())) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// command is one as a newcomer types it in the root of the clone.
func (c *clone) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if strings.HasPrefix(args[0], "bin/") {
		args[0] = filepath.Join(c.folder, args[0])
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = c.folder
	cmd.Env = append(os.Environ(), "SEAPORT_CONFIG="+c.config, "SEAPORT_TOKEN=", "SEAPORT_SERVER=")
	return cmd
}

// run runs a command to its end and returns what it prints.
func (c *clone) run(t *testing.T, args ...string) string {
	t.Helper()
	return c.runWith(t, "", args...)
}

func (c *clone) runWith(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	name := strings.Join(args, " ")
	cmd := c.command(t, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

const redisPort = 6379 // where `dapr init` has it, and components/redis

// startRedis starts a Redis where the components look for it. If there is one already it is not ours: then another port is
// used, and written into the components of the clone.
func (c *clone) startRedis(t *testing.T) {
	t.Helper()
	c.redis = redisPort
	if listens(redisPort) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.redis = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
		_ = listener.Close()
		t.Logf("port %d is taken: the components are changed to port %d", redisPort, c.redis)
		files, _ := filepath.Glob(filepath.Join(c.folder, "components", "redis", "*.yaml"))
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content = bytes.ReplaceAll(content, []byte("localhost:6379"), []byte("localhost:"+strconv.Itoa(c.redis)))
			if err := os.WriteFile(file, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	server := exec.Command("redis-server", "--port", strconv.Itoa(c.redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	var out bytes.Buffer
	server.Stdout = &out
	if err := platform.Launch(server); err != nil {
		t.Fatalf("starting a Redis: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	})
	platform.Wait(t, 20*time.Second, func() error {
		if !listens(c.redis) {
			return fmt.Errorf("redis-server does not listen on port %d", c.redis)
		}
		return nil
	})
}

func listens(port int) bool {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// port is one of dapr.yaml under its key.
type port struct {
	key    string
	number int
}

var portSetting = regexp.MustCompile(`(?m)(\w+Port|SEAPORT_PORT): "?(\d+)"?$`)

// ports lists the ports of dapr.yaml.
func (c *clone) ports(t *testing.T) []port {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.folder, "dapr.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []port
	for _, match := range portSetting.FindAllStringSubmatch(string(content), -1) {
		number, err := strconv.Atoi(match[2])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, port{match[1], number})
	}
	if len(all) != 5*len(apps)+1 {
		t.Fatalf("dapr.yaml has %d ports, want five for each app and the public one", len(all))
	}
	return all
}

// needPorts sees that nobody listens where dapr.yaml has the apps and sidecars.
func (c *clone) needPorts(t *testing.T) {
	t.Helper()
	for _, port := range c.ports(t) {
		if listens(port.number) {
			t.Fatalf("somebody listens on port %d of dapr.yaml", port.number)
		}
	}
}

// processes lists the processes that work in the clone or name it, but for those of this test. It is empty where there is
// no /proc.
func (c *clone) processes() map[int]string {
	found := map[int]string{}
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		cwd, _ := os.Readlink(filepath.Join(folder, "cwd"))
		text := string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		if pid != os.Getpid() && len(line) > 0 && (strings.Contains(text, c.folder) || cwd == c.folder) {
			found[pid] = text
		}
	}
	return found
}

// running is a `dapr run -f dapr.yaml`.
type running struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start starts it in a folder as a shell does, in a process group of its own. File is how dapr.yaml is called there.
func (c *clone) start(t *testing.T, folder, file string) *running {
	t.Helper()
	r := &running{
		cmd: c.command(t, "dapr", "run", "-f", file), ended: make(chan struct{}),
		log: filepath.Join(t.TempDir(), "dapr.log"),
	}
	r.cmd.Dir = folder
	out, err := os.Create(r.log)
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = out, out
	if err := platform.Launch(r.cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait()
		_ = out.Close()
	}()
	t.Cleanup(func() {
		if t.Failed() {
			r.show(t)
			c.showLogs(t)
		}
		select {
		case <-r.ended:
		default:
			_ = syscall.Kill(r.pid(), syscall.SIGTERM)
			r.wait(t)
		}
		for pid := range c.processes() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return r
}

func (r *running) pid() int { return r.cmd.Process.Pid }

// stopLimit is how long the CLI may take: it gives each app five seconds, one after the other.
const stopLimit = time.Minute

// end lets it end, and waits for that.
func (r *running) end(t *testing.T, stop func() error) {
	t.Helper()
	begin := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
	t.Logf("dapr run ended %s after it was told to", time.Since(begin).Round(100*time.Millisecond))
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(stopLimit):
		t.Errorf("dapr run did not end within %s", stopLimit)
	}
}

// show prints the end of what it said.
func (r *running) show(t *testing.T) {
	t.Helper()
	content, _ := os.ReadFile(r.log)
	t.Logf("dapr run:\n%s", tail(content))
}

// showLogs prints the end of the logs of the sidecars.
func (c *clone) showLogs(t *testing.T) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(c.folder, ".dapr", "logs", "*daprd*.log"))
	for _, file := range files {
		content, _ := os.ReadFile(file)
		t.Logf("%s:\n%s", filepath.Base(file), tail(content))
	}
}

func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }
