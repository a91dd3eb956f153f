package importing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"seaport.example/cli/internal/orderfile"
	"seaport.example/cli/internal/runner/privatefile"
)

// Journal is what an import has to remember. It is replaced as a whole, so that it is there, the old one or the
// new one, however the program ends.
type Journal struct {
	Path string `json:"-"` // empty: it is not kept

	ImportID string           `json:"import_id"`
	Format   orderfile.Format `json:"format"`
	Mail     bool             `json:"mail"`
	Last     int64            `json:"last"`   // number of the last line that has a result, as all before it
	Digest   string           `json:"digest"` // of these lines
	Report   string           `json:"report"`
	// What the report has about these lines, in bytes, and the digest of that.
	ReportSize   int64  `json:"report_size"`
	ReportDigest string `json:"report_digest"`
	Counts
}

// Counts is what came of the lines so far.
type Counts struct {
	Lines   int64    `json:"lines"`
	Booked  int64    `json:"booked"`
	Refused int64    `json:"refused"`
	Reasons []Reason `json:"reasons"` // in the order of first mention
}

// ReadJournal reads the journal at path. Without one, errors.Is(err, fs.ErrNotExist).
func ReadJournal(path string) (*Journal, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	j := &Journal{Path: path}
	if err := json.Unmarshal(data, j); err != nil || j.ImportID == "" {
		return nil, fmt.Errorf("%s is not the journal of an import, or is damaged", path)
	}
	return j, nil
}

func (j *Journal) write() error {
	if j.Path == "" {
		return nil
	}
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("keeping the journal: %w", err)
	}
	if err := privatefile.Write(j.Path, append(data, '\n')); err != nil {
		return fmt.Errorf("keeping the journal: %w", err)
	}
	return nil
}

// Remove removes the journal of an import that is over, if it was kept.
func (j *Journal) Remove() error {
	if j.Path == "" {
		return nil
	}
	if err := os.Remove(j.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the journal: %w", err)
	}
	return nil
}

// count adds a line that has a result.
func (c *Counts) count(number int64, refusal *Refusal) {
	c.Lines++
	if refusal == nil {
		c.Booked++
		return
	}
	c.Refused++
	c.addReason(number, refusal)
}
