package deadletter_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// publisher notes what it takes, unless it fails.
type publisher struct {
	err  error
	took []string
}

func (p *publisher) Publish(_ context.Context, topic string, events []sidecar.Event) error {
	if p.err != nil {
		return p.err
	}
	for _, e := range events {
		p.took = append(p.took, topic+" "+e.ID)
	}
	return nil
}

// What the broker refused is published by a replay, even if this service handles the same topic.
func TestReplayOfAnUnpublishedEvent(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	handler, broker := &service{}, &publisher{err: errors.New("still too large")}
	office := deadletter.New(deadletter.Config{
		App: "vessel", State: fake.State(t), Handlers: map[string]sidecar.Handler{booked("x").Topic: handler.handle}, Publisher: broker,
		Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
	})
	for range 2 { // twice is as good as once
		if err := office.KeepUnpublished(t.Context(), booked("big"), errors.New("too large"), 5); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, office); !slices.Equal(got, []string{"big"}) {
		t.Fatalf("kept are %q", got)
	}
	reasons, err := office.Replay(t.Context(), []string{"big"})
	if err != nil || !strings.Contains(reasons[0], "still too large") || len(list(t, office)) != 1 {
		t.Errorf("replayed to a broker that refuses it: %q, %v", reasons, err)
	}
	broker.err = nil
	reasons, err = office.Replay(t.Context(), []string{"big"})
	if err != nil || reasons[0] != "" || !slices.Equal(broker.took, []string{booked("big").Topic + " big"}) || len(handler.handled) != 0 {
		t.Errorf("replayed: %q, %v; published %q, handled %q", reasons, err, broker.took, handler.handled)
	}
	if got := list(t, office); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}
