package command

import (
	"fmt"
	"time"

	"seaport.example/cli/internal/latency"
)

// pingReport prints strokes as they come, or all of them as JSON at the end.
type pingReport struct {
	s       *session
	app     string
	mode    string // "stream" or "unary"
	strokes []stroke
}

func (r *pingReport) add(k stroke) error {
	r.strokes = append(r.strokes, k)
	if r.s.output == outputJSON {
		return nil
	}
	_, err := fmt.Fprintf(r.s.stdout, "stroke %d: answer from %s in %s ms\n", k.number, visible(k.app), millis(k.took))
	return err
}

// finish prints the sum of it, also when the strokes broke off.
func (r *pingReport) finish() error {
	took := make([]time.Duration, len(r.strokes))
	for i, k := range r.strokes {
		took[i] = k.took
	}
	spread := latency.SpreadOf(took)
	if r.s.output == outputJSON {
		return writeJSON(r.s.stdout, r.document(spread))
	}
	if len(took) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(r.s.stdout, "\n%d strokes (%s) in ms: min %s  p50 %s  p90 %s  p99 %s  max %s\n", len(took), r.mode,
		millis(spread.Min), millis(spread.P50), millis(spread.P90), millis(spread.P99), millis(spread.Max))
	return err
}

// pingDocument is the JSON form. Its field names are part of the interface of the program.
type pingDocument struct {
	AppID       string           `json:"app_id"`
	Mode        string           `json:"mode"`
	Strokes     []strokeDocument `json:"strokes"`
	RoundTripMS spreadDocument   `json:"round_trip_ms"`
}

type strokeDocument struct {
	Stroke      int64   `json:"stroke"`
	AppID       string  `json:"app_id"`
	RoundTripMS float64 `json:"round_trip_ms"`
}

// spreadDocument is a latency.Spread in milliseconds.
type spreadDocument struct {
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (r *pingReport) document(spread latency.Spread) pingDocument {
	doc := pingDocument{AppID: r.app, Mode: r.mode, Strokes: make([]strokeDocument, len(r.strokes)), RoundTripMS: spreadMS(spread)}
	for i, k := range r.strokes {
		doc.Strokes[i] = strokeDocument{k.number, k.app, inMS(k.took)}
	}
	return doc
}

func spreadMS(s latency.Spread) spreadDocument {
	return spreadDocument{inMS(s.Min), inMS(s.P50), inMS(s.P90), inMS(s.P99), inMS(s.Max)}
}

// inMS returns a duration in milliseconds, to the microsecond.
func inMS(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}
