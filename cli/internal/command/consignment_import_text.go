package command

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"seaport.example/cli/internal/importing"
	"seaport.example/cli/internal/orderfile"
)

// importSummary is what came of an import, or of a part of it.
type importSummary struct {
	importing.Progress

	name     string // of the input
	format   orderfile.Format
	unit     string // "line", or "item"
	importID string
	complete bool
	dryRun   bool
	report   string // empty: there is none
	journal  string // empty: there is none, or no more
}

func (j *importJob) summary(progress importing.Progress, complete bool) importSummary {
	sum := importSummary{
		Progress: progress, name: j.in.name, format: j.in.orders.Format(), unit: j.in.orders.Format().Unit(),
		importID: j.journal.ImportID, complete: complete, dryRun: j.options.dryRun,
	}
	if j.report.Written() {
		sum.report = j.report.Path
	}
	if !complete {
		sum.journal = j.journal.Path
	}
	return sum
}

func (sum *importSummary) print(s *session) error {
	if s.output == outputJSON {
		return writeJSON(s.stdout, sum.document())
	}
	if sum.Lines == 0 && !sum.complete {
		return nil // the error says it all
	}
	return sum.write(s.stdout)
}

// write prints the summary for a person.
func (sum *importSummary) write(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s, ", visible(sum.name), counted(sum.Lines, sum.unit))
	if sum.dryRun {
		fmt.Fprintf(w, "%d refused; the others are good, as far as can be told without Seaport\n", sum.Refused)
	} else {
		fmt.Fprintf(w, "%d booked, %d refused\n", sum.Booked, sum.Refused)
		fmt.Fprintf(w, "This run: %s in %.1f s, %.0f a second\n", counted(sum.Run, sum.unit), sum.Elapsed.Seconds(), sum.rate())
	}
	if sum.Refused == 0 {
		return nil
	}
	if err := sum.writeReasons(w); err != nil {
		return err
	}
	if sum.report != "" {
		fmt.Fprintf(w, "\nRefused %ss are in %s.\n", sum.unit, visible(sum.report))
	}
	return nil
}

// topReasons is how many reasons a person is shown.
const topReasons = 5

// writeReasons prints why lines were refused, the most frequent reasons first.
func (sum *importSummary) writeReasons(w io.Writer) error {
	rows := [][]string{{"REFUSED", "FIRST", "CODE", "REASON"}}
	reasons := sum.frequent()
	for i, r := range reasons {
		if i == topReasons {
			rows = append(rows, []string{strconv.FormatInt(countOf(reasons[i:]), 10), "", "", "for other reasons"})
			break
		}
		text := r.Text
		if r.Field != "" {
			text = r.Field + ": " + text
		}
		code := statusName(r.Code)
		if r.Others {
			text, code = "for reasons besides these", ""
		}
		first := sum.unit + " " + strconv.FormatInt(r.First, 10)
		rows = append(rows, []string{strconv.FormatInt(r.Count, 10), first, code, shorten(text)})
	}
	fmt.Fprintln(w)
	return table(w, "  ", rows)
}

// frequent returns the reasons, the most frequent first.
func (sum *importSummary) frequent() []importing.Reason {
	reasons := slices.Clone(sum.Reasons)
	slices.SortStableFunc(reasons, func(a, b importing.Reason) int { return cmp.Compare(b.Count, a.Count) })
	return reasons
}

func countOf(reasons []importing.Reason) (n int64) {
	for _, r := range reasons {
		n += r.Count
	}
	return n
}

// rate is how many lines got a result a second, in this run.
func (sum *importSummary) rate() float64 { return perSecond(sum.Run, sum.Elapsed) }

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// counted returns "1 line", "2 lines".
func counted(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

// importDocument is the JSON form. Its field names are part of the interface of the program.
type importDocument struct {
	File      string                 `json:"file"`
	Format    string                 `json:"format"`
	ImportID  string                 `json:"import_id"`
	DryRun    bool                   `json:"dry_run"`
	Complete  bool                   `json:"complete"`
	Lines     int64                  `json:"lines"`
	Booked    int64                  `json:"booked"`
	Refused   int64                  `json:"refused"`
	Reasons   []importReasonDocument `json:"reasons"` // the most frequent first
	RunLines  int64                  `json:"run_lines"`
	ElapsedMS float64                `json:"elapsed_ms"`
	PerSecond float64                `json:"per_second"`
	Report    string                 `json:"report"`  // empty: there is none
	Journal   string                 `json:"journal"` // empty: there is none, or no more
}

type importReasonDocument struct {
	Code   string `json:"code"`
	Field  string `json:"field"`
	Reason string `json:"reason"` // that of the first line
	Count  int64  `json:"count"`
	First  int64  `json:"first"`
	Others bool   `json:"others"` // of any reason that is not named
}

func (sum *importSummary) document() importDocument {
	doc := importDocument{
		File: sum.name, Format: string(sum.format), ImportID: sum.importID, DryRun: sum.dryRun, Complete: sum.complete,
		Lines: sum.Lines, Booked: sum.Booked, Refused: sum.Refused, Reasons: []importReasonDocument{},
		RunLines: sum.Run, ElapsedMS: inMS(sum.Elapsed), PerSecond: hundredths(sum.rate()),
		Report: sum.report, Journal: sum.journal,
	}
	if sum.dryRun {
		doc.Booked = 0 // they only could be
	}
	for _, r := range sum.frequent() {
		doc.Reasons = append(doc.Reasons, importReasonDocument{statusName(r.Code), r.Field, r.Text, r.Count, r.First, r.Others})
	}
	return doc
}
