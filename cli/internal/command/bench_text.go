package command

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"seaport.example/cli/internal/bench"
)

// benchPrinter prints a bench: row by row as text, or all of it as JSON at the end.
type benchPrinter struct {
	s    *session
	plan bench.Plan
	rows int
}

func newBenchPrinter(s *session, plan bench.Plan) *benchPrinter {
	return &benchPrinter{s: s, plan: plan}
}

// The columns of the table are as wide as their figures get, because it is printed as it grows.
const (
	benchHeadings = "%7s  %9s %7s %7s %7s  %10s %7s %7s %7s  %9s  %7s\n"
	benchColumns  = "%7d  %9.0f %7s %7s %7s  %10.0f %7s %7s %7s  %9.2f  %7.2f"
)

// row prints one row. An error of stdout shows when the report is finished.
func (p *benchPrinter) row(r bench.Row) {
	if p.s.output == outputJSON {
		return
	}
	w := p.s.stdout
	if p.rows++; p.rows == 1 {
		fmt.Fprintf(w, "pings to %s beside bookings, through %s; latencies in ms\n\n", visible(p.plan.App), visible(p.s.address))
		fmt.Fprintf(w, benchHeadings, "callers", "pings/s", "p50", "p90", "p99", "bookings/s", "p50", "p90", "p99", "rate:rate", "p50:p50")
	}
	ping, book := r.Pings.Latency, r.Bookings.Latency
	fmt.Fprintf(w, benchColumns, r.Callers,
		r.Pings.PerSecond, millis(ping.P50), millis(ping.P90), millis(ping.P99),
		r.Bookings.PerSecond, millis(book.P50), millis(book.P90), millis(book.P99),
		r.RateRatio(), r.MedianRatio())
	if r.Pings.Failed+r.Bookings.Failed > 0 {
		fmt.Fprintf(w, "  FAILED: %d pings, %d bookings", r.Pings.Failed, r.Bookings.Failed)
	}
	fmt.Fprintln(w)
}

// finish prints what is known at the end.
func (p *benchPrinter) finish(report bench.Report) error {
	w := p.s.stdout
	if p.s.output == outputJSON {
		return writeJSON(w, p.document(report))
	}
	if len(report.Rows) > 0 {
		fmt.Fprint(w, "\nrate:rate is bookings/s over pings/s, p50:p50 the time of a booking over that of a ping.\n")
		if err := writeSettled(w, report.Rows); err != nil {
			return err
		}
	}
	if report.Unquiet {
		fmt.Fprintln(w, "Some holds stayed unconfirmed for long, so the bench stopped waiting for that: the pings may be slowed by work the bookings left.")
	}
	return writeBenchFailures(w, report.Failures)
}

// writeSettled prints how many calls the figures are of, and what bookings left to do after their answers.
func writeSettled(w io.Writer, rows []bench.Row) error {
	fmt.Fprint(w, "After each slice of bookings it took a while until all of them were confirmed, in ms:\n\n")
	cells := [][]string{{"CALLERS", "PINGS", "BOOKINGS", "WHILE (MEAN)", "WHILE (MAX)", "BOOKINGS/S, WHILE INCLUDED"}}
	for _, r := range rows {
		row := []string{strconv.Itoa(r.Callers), strconv.Itoa(r.Pings.Calls), strconv.Itoa(r.Bookings.Calls), "", "", ""}
		if r.Settle.Slices > 0 {
			row[3], row[4] = millis(r.Settle.Mean), millis(r.Settle.Max)
			row[5] = strconv.FormatFloat(r.ConfirmedPerSecond(), 'f', 0, 64)
		}
		cells = append(cells, row)
	}
	return table(w, "  ", cells)
}

func writeBenchFailures(w io.Writer, failures []bench.Failure) error {
	if len(failures) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nFailed calls, the warm-up included:")
	rows := [][]string{{"CALL", "TIMES", "STATUS", "MESSAGE"}}
	for _, f := range failures {
		rows = append(rows, []string{f.Call, strconv.Itoa(f.Count), statusName(f.Code), f.Message})
	}
	return table(w, "  ", rows)
}

// benchDocument is the JSON form. Its field names are part of the interface of the program.
type benchDocument struct {
	Run        string                 `json:"run"`
	Server     string                 `json:"server"`
	AppID      string                 `json:"app_id"`
	DurationMS float64                `json:"duration_ms"` // 0 with a count
	Count      int                    `json:"count"`       // 0 with a duration
	WarmupMS   float64                `json:"warmup_ms"`
	Rows       []benchRowDocument     `json:"rows"`
	Failures   []benchFailureDocument `json:"failures"`
	Settled    bool                   `json:"settled_always"`
}

type benchRowDocument struct {
	Callers            int                  `json:"callers"`
	Pings              benchFiguresDocument `json:"pings"`
	Bookings           benchFiguresDocument `json:"bookings"`
	RateRatio          float64              `json:"bookings_per_ping"`
	MedianRatio        float64              `json:"p50_ratio"`
	SettleMeanMS       float64              `json:"settle_mean_ms"`
	SettleMaxMS        float64              `json:"settle_max_ms"`
	ConfirmedPerSecond float64              `json:"confirmed_bookings_per_second"`
}

type benchFiguresDocument struct {
	Calls     int            `json:"calls"`
	Failed    int            `json:"failed"`
	ElapsedMS float64        `json:"elapsed_ms"`
	PerSecond float64        `json:"per_second"`
	LatencyMS spreadDocument `json:"latency_ms"`
}

type benchFailureDocument struct {
	Call    string `json:"call"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Count   int    `json:"count"`
}

func (p *benchPrinter) document(report bench.Report) benchDocument {
	doc := benchDocument{
		Run: report.Run, Server: p.s.address, AppID: p.plan.App,
		DurationMS: inMS(p.plan.Duration), WarmupMS: inMS(p.plan.Warmup),
		Rows: []benchRowDocument{}, Failures: []benchFailureDocument{}, Settled: !report.Unquiet,
	}
	if p.plan.Duration == 0 {
		doc.Count = p.plan.Count
	}
	for _, r := range report.Rows {
		doc.Rows = append(doc.Rows, benchRowDocument{
			Callers: r.Callers, Pings: figuresDocument(r.Pings), Bookings: figuresDocument(r.Bookings),
			RateRatio: hundredths(r.RateRatio()), MedianRatio: hundredths(r.MedianRatio()),
			SettleMeanMS: inMS(r.Settle.Mean), SettleMaxMS: inMS(r.Settle.Max),
			ConfirmedPerSecond: hundredths(r.ConfirmedPerSecond()),
		})
	}
	for _, f := range report.Failures {
		doc.Failures = append(doc.Failures, benchFailureDocument{f.Call, statusName(f.Code), f.Message, f.Count})
	}
	return doc
}

func figuresDocument(f bench.Figures) benchFiguresDocument {
	return benchFiguresDocument{
		Calls: f.Calls, Failed: f.Failed, ElapsedMS: inMS(f.Elapsed), PerSecond: hundredths(f.PerSecond), LatencyMS: spreadMS(f.Latency),
	}
}

func hundredths(x float64) float64 {
	return math.Round(x*100) / 100
}
