package holds_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/holds"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// slow is a store whose answer about rows is a while on its way: what it says may be out of date.
type slow struct{ *sidecar.State }

func (s slow) GetMany(ctx context.Context, keys []string) (map[string]sidecar.Value, error) {
	values, err := s.State.GetMany(ctx, keys)
	if strings.HasPrefix(keys[0], "confirmed/") {
		time.Sleep(settled)
	}
	return values, err
}

// The row of a confirmation is written between the moment a step read that there is none and its change
// of the ledger. The entry is then the only thing that the step knows of the confirmation.
func TestRowWrittenWhileAnotherStepReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		steps []ledger.Step
		used  int64
	}{
		{"release", []ledger.Step{confirm("a", 3), release("a")}, 0},
		{"return of a part", []ledger.Step{confirmLot("u"), giveBack("u.2")}, whole("u") - parts["u"]["u.2"]},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake := sidecartest.New()
				launch(t, fake)
				keeper := holds.NewKeeper[hull](slow{fake.Sidecar(t).State(sidecartest.StateStore)}, "hull", time.Now, slog.New(slog.DiscardHandler))
				for _, step := range c.steps {
					if _, errs, err := keeper.Apply(t.Context(), "x", []ledger.Step{step}); err != nil || errs[0] != nil {
						t.Fatalf("%+v: %v, %v", step, err, errs)
					}
				}
				time.Sleep(settled)
				s := read(t, fake)
				s.check(t, "in the end")
				if s.used != amount(c.used) {
					t.Errorf("%+v is in use, want %+v", s.used, amount(c.used))
				}
			})
		})
	}
}
