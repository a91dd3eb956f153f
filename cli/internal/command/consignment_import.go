package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/document"
	"seaport.example/cli/internal/importing"
	"seaport.example/cli/internal/orderfile"
	"seaport.example/cli/internal/shell"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

func newConsignmentImportCommand(s *session) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Book many consignments from a JSON, NDJSON or CSV file",
		Long: `Books the consignments in FILE, each on its own: what is wrong with one line does not keep the others
from being booked. "-" is standard input. FILE is one of

  json    an array of objects, each as "seaport consignment create" takes it
  ndjson  such an object on each line
  csv     a header, then an order a line: description, weight, origin, and if you like
          containers (how many; default 1), vessel_id, customer_id, request_id; in any order.
          What a report has besides (line, field, code, error) is passed over

--format says which; else the ending of the name does, or how the file begins. Lines are called by
their number in FILE (in CSV the header is line 1), items of an array by their place in it. A line
has at most 256 KiB.

Refused lines go, with the reason, into a report beside FILE (orders.refused.csv). Correct them
there once the import is over, and import that file.

While it runs, an import keeps a journal beside FILE (orders.csv.import.json), so that it goes on
with --resume when it broke off, however that happened: no line is booked twice. The journal is
removed at the end. Standard input has one only with --journal.

A Seaport that restarts meanwhile is waited for: --timeout is how long the next result may take.

Exit codes: 0 all lines are booked; 1 some were refused, or the import broke off; 2 nothing was
sent: bad usage, or no such file as described above; 3 Seaport could not be reached, go on with
--resume; 130 interrupted, go on with --resume.`,
		Example: `  seaport consignment import orders.csv
  seaport consignment import orders.csv --dry-run
  seaport consignment import orders.csv --resume
  generate-orders | seaport consignment import - --format ndjson --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args[0]); err != nil {
				return badUsage(cmd, err)
			}
			return s.runImport(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.format, "format", "", "the `form` of FILE: json, ndjson or csv")
	flags.StringVar(&o.journal, "journal", "", "the `file` of the journal (default: FILE.import.json)")
	flags.StringVar(&o.report, "report", "", "the `file` for refused lines (default: beside FILE)")
	flags.BoolVar(&o.resume, "resume", false, "go on where an import of FILE broke off")
	flags.BoolVar(&o.restart, "restart", false, "begin anew where an import of FILE broke off: what it booked is booked again")
	flags.BoolVar(&o.dryRun, "dry-run", false, "check FILE, as far as can be done here, and send nothing")
	flags.BoolVar(&o.mail, "mail", false, "send customers an e-mail for each consignment, which takes longer")
	cmd.MarkFlagsMutuallyExclusive("resume", "restart", "dry-run")
	return cmd
}

// importOptions is what a command line says about an import.
type importOptions struct {
	file            string
	format          string
	journal, report string
	resume, restart bool
	dryRun, mail    bool
	mailGiven       bool
}

// check finds what does not fit together.
func (o *importOptions) check(cmd *cobra.Command, file string) error {
	o.file, o.mailGiven = file, cmd.Flags().Changed("mail")
	switch orderfile.Format(o.format) {
	case "", orderfile.JSON, orderfile.NDJSON, orderfile.CSV:
	default:
		return fmt.Errorf("--format: must be json, ndjson or csv, not %q", o.format)
	}
	switch {
	case o.file == "":
		return errors.New("FILE: must not be empty")
	case o.dryRun && o.journal != "":
		return errors.New("--journal: a dry run keeps none")
	case o.journal != "" && sameFile(o.journal, o.file):
		return errors.New("--journal: must not be FILE, which it would replace")
	case o.journal != "" && sameFile(o.journal, o.report):
		return errors.New("--report: must not be the journal")
	case o.file == document.Stdin && o.resume && o.journal == "":
		return errors.New("--resume: an import of standard input goes on with the --journal that it was given")
	}
	return nil
}

// runImport imports a file and prints what came of it.
func (s *session) runImport(ctx context.Context, o importOptions) error {
	if err := s.check(); err != nil {
		return err
	}
	in, err := unlessDone(ctx, func() (*ordersInput, error) { return s.openOrders(o) })
	if err != nil {
		return err
	}
	defer in.close()
	job := &importJob{s: s, options: o, in: in}
	if err := job.prepare(); err != nil {
		return err
	}
	progress, err := job.run(ctx)
	return job.conclude(progress, err)
}

// importJob is an import of one file.
type importJob struct {
	s       *session
	options importOptions
	in      *ordersInput
	journal *importing.Journal
	report  *importing.Report
}

// run runs the import and shows its progress.
func (j *importJob) run(ctx context.Context) (importing.Progress, error) {
	display := newImportDisplay(j.s, j.in.size)
	defer display.finish()
	c := importing.Config{
		File: j.in.orders, Journal: j.journal, Report: j.report,
		Timeout: j.s.timeout, Pause: defaultRetry.pause,
		Progress: display.show, Retrying: display.retrying,
	}
	if !j.options.dryRun {
		conn, err := j.s.connect()
		if err != nil {
			return importing.Progress{}, err
		}
		c.Client = consignmentv1.NewShippingServiceClient(conn)
	}
	return importing.Run(ctx, c)
}

// conclude prints the summary, and returns the error of the import, or that lines were refused.
func (j *importJob) conclude(progress importing.Progress, err error) error {
	err = errors.Join(j.report.Close(), err)
	if errors.Is(err, importing.ErrOther) {
		return &inputError{err: fmt.Errorf("%s %w", j.in.name, err), next: anew}
	}
	if err == nil || progress.Lines == 0 && !j.s.connected.Load() { // or nothing was sent
		err = errors.Join(err, j.journal.Remove())
	}
	sum := j.summary(progress, err == nil)
	if !j.options.dryRun {
		j.s.did("%s: %d of %s booked", visible(j.in.name), progress.Booked, counted(progress.Lines, j.in.orders.Format().Unit()))
	}
	if printErr := sum.print(j.s); printErr != nil {
		return errors.Join(printErr, err)
	}
	switch {
	case err != nil:
		return j.brokeOff(err, progress)
	case progress.Lines == 0:
		return badInput("%s has no order in it: nothing was sent", j.in.name)
	case progress.Refused > 0:
		return j.refused(progress)
	}
	return nil
}

// refused is an error for the lines that are not booked.
func (j *importJob) refused(progress importing.Progress) error {
	err := fmt.Errorf("%d of %s refused", progress.Refused, counted(progress.Lines, j.in.orders.Format().Unit()))
	if !j.report.Written() {
		return err
	}
	return &advisedError{err: err, next: "Correct them in the report, then: " + j.commandLine(j.report.Path, "")}
}

// brokeOff adds to the error of an import how it goes on.
func (j *importJob) brokeOff(err error, progress importing.Progress) error {
	how := "Go on with: "
	if broken, ok := errors.AsType[*document.Error](err); ok && progress.Lines > 0 {
		err = errors.New(broken.Error()) // bad input of which nothing was sent is something else
		how = "Correct it from there on, then: "
	}
	if j.options.dryRun || progress.Lines == 0 { // the same command goes on
		return err
	}
	if j.journal.Path == "" {
		return &advisedError{err: err, next: "Standard input cannot be resumed without --journal."}
	}
	again := " --resume"
	if j.options.journal != "" {
		again += " --journal " + shell.Word(j.options.journal)
	}
	if j.options.report != "" {
		again += " --report " + shell.Word(j.options.report)
	}
	return &advisedError{err: err, next: how + j.commandLine(j.options.file, again)}
}

// commandLine is the command line that imports a file into the same Seaport.
func (j *importJob) commandLine(file, flags string) string {
	word := shell.File(file)
	if file == document.Stdin && file == j.options.file {
		word = file
	}
	line := "seaport consignment import " + word + flags
	if j.s.server != j.s.usual {
		line += " --server " + shell.Word(j.s.server)
	}
	return line
}

// ordersInput is a file of orders that is open.
type ordersInput struct {
	name   string // for a person
	file   *os.File
	size   int64 // in bytes; 0: not known
	orders *orderfile.File
}

func (in *ordersInput) close() {
	if in.file != nil {
		_ = in.file.Close() // it was only read
	}
}
