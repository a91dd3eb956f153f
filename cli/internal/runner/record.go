package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"seaport.example/cli/internal/runner/process"
)

// RecordFile is the name of the Record in the data folder. It is there as long as the run is.
const RecordFile = "run.json"

// Record tells people and tests what runs where.
type Record struct {
	PID       int       `json:"pid"`
	URL       string    `json:"url"`
	Port      int       `json:"port"`
	Profile   string    `json:"profile"`
	State     string    `json:"state"` // starting, ready or stopping
	StartTime time.Time `json:"start_time"`
	// BrokerURL is the bundled broker's; empty if the profile has another.
	BrokerURL string          `json:"broker_url,omitempty"`
	Processes []RecordProcess `json:"processes"`
}

// RecordProcess is one process of a Record.
type RecordProcess struct {
	Name     string         `json:"name"`
	App      string         `json:"app,omitempty"` // the app-id
	Kind     process.Kind   `json:"kind"`
	PID      int            `json:"pid"` // 0 while it does not run
	Restarts int            `json:"restarts"`
	Ports    map[string]int `json:"ports"`
	Log      string         `json:"log"`
}

// recorder keeps the Record in its file.
type recorder struct {
	mu     sync.Mutex
	path   string
	record Record
}

func newRecorder(data string, record Record, specs []process.Spec) *recorder {
	for _, spec := range specs {
		record.Processes = append(record.Processes, RecordProcess{
			Name: spec.Name, App: spec.App, Kind: spec.Kind, Ports: spec.Ports,
			Log: filepath.Join(data, "logs", spec.Name+".log"),
		})
	}
	return &recorder{path: filepath.Join(data, RecordFile), record: record}
}

// observe notes the start or end of a process.
func (r *recorder) observe(event process.Event) error {
	return r.update(func(record *Record) {
		i := slices.IndexFunc(record.Processes, func(p RecordProcess) bool { return p.Name == event.Spec.Name })
		if i < 0 {
			return
		}
		record.Processes[i].Restarts = event.Crashes
		record.Processes[i].PID = event.PID
		if event.Ended {
			record.Processes[i].PID = 0
		}
	})
}

func (r *recorder) state(state string) error {
	return r.update(func(record *Record) { record.State = state })
}

// update changes the record and replaces the file as a whole: a reader sees the old or the new one.
func (r *recorder) update(change func(*Record)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.record)
	data, err := json.MarshalIndent(r.record, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the run: %w", err)
	}
	temporary := r.path + ".new"
	if err := os.WriteFile(temporary, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("recording the run: %w", err)
	}
	if err := os.Rename(temporary, r.path); err != nil {
		return fmt.Errorf("recording the run: %w", err)
	}
	return nil
}

func (r *recorder) remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = os.Remove(r.path)
}

// readRecord reads the Record of the run that has the data folder, if there is one.
func readRecord(data string) (Record, error) {
	var record Record
	content, err := os.ReadFile(filepath.Join(data, RecordFile))
	if err != nil {
		return record, fmt.Errorf("reading the record of the run: %w", err)
	}
	if err := json.Unmarshal(content, &record); err != nil {
		return record, fmt.Errorf("reading the record of the run: %w", err)
	}
	return record, nil
}
