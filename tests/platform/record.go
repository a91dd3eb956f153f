package platform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Record is what run.json in the data folder says of a run.
type Record struct {
	PID       int       `json:"pid"`
	URL       string    `json:"url"`
	Port      int       `json:"port"`
	State     string    `json:"state"` // starting, ready or stopping
	Processes []Process `json:"processes"`
}

// Process is one process of a [Record].
type Process struct {
	Name     string         `json:"name"`
	App      string         `json:"app"`
	Kind     string         `json:"kind"` // app, sidecar, broker or control
	PID      int            `json:"pid"`  // 0 while it does not run
	Restarts int            `json:"restarts"`
	Ports    map[string]int `json:"ports"`
	Log      string         `json:"log"`
}

// Process returns the process with the name.
func (r Record) Process(name string) (Process, bool) {
	i := slices.IndexFunc(r.Processes, func(p Process) bool { return p.Name == name })
	if i < 0 {
		return Process{}, false
	}
	return r.Processes[i], true
}

// ReadRecord reads the record of the run that has the data folder.
func ReadRecord(data string) (Record, error) {
	var record Record
	content, err := os.ReadFile(filepath.Join(data, "run.json"))
	if err != nil {
		return record, fmt.Errorf("reading the record of the run: %w", err)
	}
	if err := json.Unmarshal(content, &record); err != nil {
		return record, fmt.Errorf("reading the record of the run: %w", err)
	}
	return record, nil
}
