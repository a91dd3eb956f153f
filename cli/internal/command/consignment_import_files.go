package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"seaport.example/cli/internal/document"
	"seaport.example/cli/internal/flock"
	"seaport.example/cli/internal/importing"
	"seaport.example/cli/internal/orderfile"
)

// openOrders opens the file of an import, which no other command imports meanwhile.
func (s *session) openOrders(o importOptions) (*ordersInput, error) {
	if o.file == document.Stdin {
		in := &ordersInput{name: "standard input"}
		var err error
		in.orders, err = orderfile.Open(in.name, s.stdin, orderfile.Format(o.format))
		return in, err
	}
	file, err := document.Open(o.file)
	if err != nil {
		return nil, err
	}
	in := &ordersInput{name: o.file, file: file}
	if err := in.begin(o); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *ordersInput) begin(o importOptions) error {
	info, err := in.file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		in.size = info.Size()
		// Not every file system can lock, and no line would be booked twice without.
		if errors.Is(flock.TryFile(in.file), flock.ErrLocked) {
			return badInput("%s is being imported by another command", in.name)
		}
	}
	in.orders, err = orderfile.Open(in.name, in.file, orderfile.Format(o.format))
	return err
}

// sameFile says whether two names are of one file, which may not be there yet.
func sameFile(a, b string) bool {
	if first, err := os.Stat(a); err == nil {
		second, err := os.Stat(b)
		return err == nil && os.SameFile(first, second)
	}
	return filepath.Clean(a) == filepath.Clean(b)
}

// stays says that the input is a file that can be read again.
func (in *ordersInput) stays() bool { return in.size > 0 }

// prepare finds out where the import begins, and where it keeps what it must.
func (j *importJob) prepare() error {
	journal, err := j.findJournal()
	if err != nil {
		return err
	}
	report, err := filepath.Abs(j.reportPath())
	if err != nil {
		return err
	}
	if journal == nil || journal.Last == 0 { // one that has no result yet can as well begin
		if journal, err = j.begin(journal, report); err != nil {
			return err
		}
	}
	if err := j.fits(journal, report); err != nil {
		return err
	}
	j.journal = journal
	j.report = &importing.Report{Path: j.reportPath(), File: j.in.orders, Code: statusName}
	err = j.report.Resume(journal)
	if errors.Is(err, importing.ErrReportChanged) {
		return &inputError{
			err: fmt.Errorf("%s, for refused lines, %w", j.report.Path, err),
			next: fmt.Sprintf("Rename it, and import it by itself once it is corrected, without what comes after %s %d: "+
				"--resume begins another report, with that in it.", journal.Format.Unit(), journal.Last),
		}
	}
	return err
}

// begin returns the journal of an import that begins. Lines of one that had no result yet may be booked all the
// same, so it keeps its id.
func (j *importJob) begin(before *importing.Journal, report string) (*importing.Journal, error) {
	journal := &importing.Journal{
		Path: j.journalPath(), ImportID: uuid.NewString(), Format: j.in.orders.Format(), Mail: j.options.mail, Report: report,
	}
	if before != nil {
		journal.ImportID = before.ImportID
		if err := j.dropReport(before); err != nil {
			return nil, err
		}
	}
	return journal, j.reportIsFree()
}

// anew is the way out where an import cannot go on.
const anew = "--restart begins anew: what was booked before is booked again."

// findJournal returns the journal that the import goes on from; nil if it begins.
func (j *importJob) findJournal() (*importing.Journal, error) {
	path := j.journalPath()
	if path == "" {
		return nil, nil
	}
	journal, err := importing.ReadJournal(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && j.options.resume:
		return nil, badInput("--resume: there is no import of %s to go on with: no %s", j.in.name, path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case j.options.restart:
		return nil, j.dropReport(journal)
	case err != nil:
		return nil, &inputError{err: err, next: anew}
	case j.options.resume, journal.Last == 0:
		return journal, nil
	}
	return nil, &inputError{
		err:  fmt.Errorf("an import of %s broke off after %s: %s", j.in.name, counted(journal.Lines, journal.Format.Unit()), path),
		next: "--resume goes on with it. " + anew,
	}
}

// dropReport removes the report of an import that begins anew, where the new one is to be: a journal that came with
// its file, from elsewhere, removes nothing else.
func (j *importJob) dropReport(journal *importing.Journal) error {
	if journal == nil || journal.Report == "" {
		return nil
	}
	if report, err := filepath.Abs(j.reportPath()); err != nil || report != journal.Report {
		return err
	}
	if err := os.Remove(journal.Report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fits refuses to go on with an import in another way than it began.
func (j *importJob) fits(journal *importing.Journal, report string) error {
	switch {
	case journal.Format != j.in.orders.Format():
		return badInput("--format: the import began as %s, not %s", journal.Format, j.in.orders.Format())
	case j.options.mailGiven && journal.Mail != j.options.mail:
		return badInput("--mail: the import began with --mail=%t", journal.Mail)
	case journal.Report != report:
		return badInput("--report: the import began with %s", journal.Report)
	}
	return nil
}

// reportIsFree refuses to write over a report, in which somebody may have corrected lines, and one that has no place.
func (j *importJob) reportIsFree() error {
	path := j.reportPath()
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return &inputError{
			err:  fmt.Errorf("%s, for refused lines, is there already", path),
			next: "Import it, if its lines are corrected; then remove it, or name another with --report.",
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return badInput("--report: there is no folder for %s", path)
	}
	return nil
}

// journalPath is where the journal is; empty: none is kept.
func (j *importJob) journalPath() string {
	switch {
	case j.options.dryRun:
		return ""
	case j.options.journal == "" && j.in.stays():
		return j.options.file + ".import.json"
	}
	return j.options.journal
}

// reportPath is where the report of refused lines is to be; empty: there is none.
func (j *importJob) reportPath() string {
	if j.options.report != "" || j.options.dryRun {
		return j.options.report
	}
	base := "import"
	if j.in.stays() {
		base = strings.TrimSuffix(j.options.file, filepath.Ext(j.options.file))
	}
	if j.in.orders.Format() == orderfile.CSV {
		return base + ".refused.csv"
	}
	return base + ".refused.ndjson"
}
