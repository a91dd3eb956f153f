package deadletter

import (
	"context"
	"errors"

	"seaport.example/services/internal/sidecar"
)

// Own is what a service gives up by itself. It publishes that to its topic of dead letters, each time under an id
// of its own: else a replay, which deletes the letter, could delete what came of it.
type Own interface {
	// Type is that of the payload.
	Type() string
	// Read says why something was given up. Errors: [sidecar.ErrUnreadable]; after any other it is asked again.
	Read(ctx context.Context, e sidecar.Event) (Account, error)
	// Again takes up what was given up; nothing happens if it is no longer. Twice is as good as once.
	Again(ctx context.Context, e sidecar.Event) error
}

// Account is what became of something.
type Account struct {
	Over     bool // it is given up no longer: the event comes late
	Reason   string
	Attempts int // at least one
}

func (o *Office) isOwn(e sidecar.Event) bool { return o.cfg.Own != nil && e.Type == o.cfg.Own.Type() }

// takeOwn keeps what the service gave up by itself, with the service's own account of it.
func (o *Office) takeOwn(ctx context.Context, e sidecar.Event) error {
	account, err := o.cfg.Own.Read(ctx, e)
	switch {
	case errors.Is(err, sidecar.ErrUnreadable):
		return o.keep(ctx, e, err.Error(), 1)
	case err != nil || account.Over:
		return err
	}
	return o.keep(ctx, e, account.Reason, account.Attempts)
}
