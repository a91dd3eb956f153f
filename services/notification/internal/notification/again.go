package notification

import (
	"context"
	"fmt"

	"seaport.example/services/internal/failure"
)

// GivenUp says whether an e-mail that was given up after so many attempts in all is so still. One that is not
// known is: nobody has sent it.
func (s *Notices) GivenUp(ctx context.Context, id string, attempts int) (bool, error) {
	e, err := s.Store.Get(ctx, id)
	return err == nil && !e.settled(attempts), err
}

// Again has an e-mail sent that was given up after so many attempts in all: it is queued, with as many attempts
// as a new one. One that was queued again since, or sent, is left alone. Errors: NOT_FOUND, UNAVAILABLE.
func (s *Notices) Again(ctx context.Context, id string, attempts int) error {
	e, err := s.Store.Get(ctx, id)
	switch {
	case err != nil:
		return failure.Unavailable(err, "the e-mail could not be looked up now; try again")
	case !e.Exists():
		return failure.NotFound("id", "there is no e-mail %s", id)
	case e.settled(attempts):
		return nil
	case e.Status != Failed: // it is told of before that is written down
		return failure.Unavailable(nil, "the e-mail is being given up just now; try again")
	}
	// Who reads this, too, calls by the same key: one of them queues it.
	call := Call{Key: fmt.Sprintf("again/%s/%d", id, e.Attempts), Email: &e, Again: true}
	e.again()
	if err := s.Store.Add(ctx, []Call{call})[0]; err != nil {
		return failure.Unavailable(err, "the e-mail could not be queued now; try again")
	}
	return nil
}
