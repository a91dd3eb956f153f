package runner

import (
	"os"
	"path/filepath"
	"testing"

	"seaport.example/cli/internal/runner/process"
)

func TestRecord(t *testing.T) {
	data := t.TempDir()
	spec := process.Spec{Name: "vessel#2", App: "vessel", Kind: process.App, Ports: map[string]int{"app": 20_001}}
	recorder := newRecorder(data, Record{PID: 1, URL: "http://localhost:8080", Port: 8080}, []process.Spec{spec})
	for _, event := range []process.Event{
		{Spec: &spec, PID: 11},
		{Spec: &spec, PID: 11, Ended: true, Crashes: 1},
	} {
		if err := recorder.observe(event); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, data).Processes[0]; got.PID != 0 || got.Restarts != 1 {
		t.Errorf("after a crash: %+v", got)
	}
	if err := recorder.observe(process.Event{Spec: &spec, PID: 12, Crashes: 1}); err != nil {
		t.Fatal(err)
	}
	if err := recorder.state("ready"); err != nil {
		t.Fatal(err)
	}
	got := read(t, data)
	if got.State != "ready" || got.Port != 8080 || len(got.Processes) != 1 {
		t.Errorf("record = %+v", got)
	}
	if got := got.Processes[0]; got.PID != 12 || got.App != "vessel" || got.Kind != process.App || got.Ports["app"] != 20_001 {
		t.Errorf("process = %+v", got)
	}
	recorder.remove()
	if _, err := os.Stat(filepath.Join(data, RecordFile)); !os.IsNotExist(err) {
		t.Errorf("the record outlives the run: %v", err)
	}
}

func read(t *testing.T, data string) Record {
	t.Helper()
	record, err := readRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return record
}
