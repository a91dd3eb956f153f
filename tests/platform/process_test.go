package platform

import (
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A process left behind is found while it is there, and not when it is gone.
func TestLeftBehindIsFound(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	folder := t.TempDir()
	sleeper := exec.Command("sleep", "60")
	sleeper.Dir = folder
	sleeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sleeper.Start(); err != nil {
		t.Skip(err)
	}
	pid := sleeper.Process.Pid
	if !alive(pid) || !slices.Contains(processesOf(folder, nil), pid) {
		t.Errorf("process %d is not found", pid)
	}
	p := &Platform{Data: folder, seen: map[int]string{pid: "sleeper"}}
	if p.leftovers() == nil {
		t.Error("nothing was left behind, it says")
	}
	_ = sleeper.Process.Kill()
	// Nobody has waited for it yet: it is a zombie, which is as good as gone.
	Wait(t, 5*time.Second, p.leftovers)
	_ = sleeper.Wait()
	if err := p.leftovers(); err != nil {
		t.Error(err)
	}
}
