package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
)

// cancellations is what it takes to cancel. Each attempt is written down in lists of their own, of all and
// of the customer, in the transaction of its event. Several may try to cancel one consignment at once, and
// store that they do; the first whose event is applied counts. Each attempt has a time of its own, which
// becomes the consignment's: by it a reader of the lists tells the one that counts from the others.
type cancellations struct {
	list   *pages.List
	writer *pages.Writer // for one call of the batcher at a time
	batch  *batch.Batcher[cancellation, struct{}]
	latest time.Time // of this replica's attempts; as the writer
}

// cancellation is an attempt to cancel.
type cancellation struct {
	consignment *consignment.Consignment
	reason      string
}

// together is how many cancellations share a transaction.
const together = 128

func newCancellations(s *Store, state State) cancellations {
	list := pages.New(state, "cancellation")
	return cancellations{list: list, writer: list.Writer(), batch: batch.New(batch.Config{Max: together}, s.cancel)}
}

// Cancel stores the event first and changes the consignment as the event is applied: the change
// needs a condition, which a transaction must not carry.
func (s *Store) Cancel(ctx context.Context, c *consignment.Consignment, reason string) error {
	if _, err := s.cancellations.batch.Do(ctx, cancellation{c, reason}); err != nil {
		return failure.Unavailable(err, "the cancellation could not be stored now; try again")
	}
	return nil
}

// cancel stores attempts, in one transaction unless they are too large for that.
func (s *Store) cancel(ctx context.Context, attempts []cancellation) []batch.Result[struct{}] {
	held, err := s.seat.Current(ctx)
	if err != nil {
		return batch.Fail[struct{}](len(attempts), err)
	}
	results := make([]batch.Result[struct{}], len(attempts))
	for from, to := 0, 0; from < len(attempts); from = to {
		events, entries, err := s.prepare(held, attempts[from:])
		to = from + max(len(events), 1)
		if err == nil {
			err = s.commitCancelled(ctx, held, events, entries)
		}
		for i := range results[from:to] {
			results[from+i].Err = err
		}
	}
	s.notify()
	return results
}

// maxCommit is how many bytes of events a commit has, about: a sidecar takes 16 MiB in one message.
const maxCommit = 4 << 20

// prepare makes the events of the first attempts, as many as fit into a commit, and their places in the lists.
// After an error none of the first one can be made.
func (s *Store) prepare(held seat.Held, attempts []cancellation) (events []sidecar.Event, entries map[string][]pages.Entry, err error) {
	entries = make(map[string][]pages.Entry)
	size := 0
	for _, a := range attempts {
		at := s.attemptTime(held, a.consignment.CreateTime)
		cancelled, err := s.announce.Cancelled(a.consignment, a.reason, at)
		if size += len(cancelled.Data); len(events) > 0 && (err != nil || size > maxCommit) {
			return events, entries, nil
		}
		if err != nil {
			return nil, nil, err
		}
		events = append(events, cancelled)
		entry := pages.Entry{ID: attemptID(a.consignment.ID, at), Added: at.UnixMilli()}
		for _, scope := range []string{everybody, scopeOf(a.consignment.Customer)} {
			entries[scope] = append(entries[scope], entry)
		}
	}
	return events, entries, nil
}

// commitCancelled stores events and their places in one transaction.
func (s *Store) commitCancelled(ctx context.Context, held seat.Held, events []sidecar.Event, entries map[string][]pages.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, s.seat.Timeout())
	defer cancel()
	listed, err := s.cancellations.writer.Stage(ctx, held, entries)
	if err == nil {
		err = s.outbox.Commit(ctx, held, listed, events)
	}
	s.cancellations.writer.Done(err == nil)
	return err
}

// attemptTime returns the time of an attempt to cancel what was booked at a time. No two attempts have the
// same: within a seat each has a microsecond of its own, and the nanoseconds are the seat's number.
func (s *Store) attemptTime(held seat.Held, booked time.Time) time.Time {
	at := s.now().UTC()
	for _, before := range []time.Time{booked, s.cancellations.latest} {
		if !at.After(before) {
			at = before // a clock may go backwards, or be that of another machine
		}
	}
	at = at.Truncate(time.Microsecond).Add(time.Microsecond)
	s.cancellations.latest = at
	return at.Add(time.Duration(held.Number))
}

// attemptID is the entry of an attempt in the lists.
func attemptID(id string, at time.Time) string {
	return id + "#" + strconv.FormatInt(at.UnixNano(), 10)
}

// parseAttempt is the inverse of attemptID.
func parseAttempt(entry string) (id string, at time.Time, err error) {
	i := strings.LastIndexByte(entry, '#')
	nanos, err := strconv.ParseInt(entry[i+1:], 10, 64)
	if i < 0 || err != nil {
		return "", time.Time{}, fmt.Errorf("%q is no entry of a cancellation", entry)
	}
	return entry[:i], time.Unix(0, nanos), nil
}

// applied is how many cancellations are carried out at a time.
const applied = 16

// apply does what events entail here: cancellations are carried out.
func (s *Store) apply(ctx context.Context, events []sidecar.Event) error {
	var wg sync.WaitGroup
	errs := make([]error, len(events))
	turns := make(chan struct{}, applied)
	for i, e := range events {
		if e.Topic != event.ConsignmentCancelled {
			continue
		}
		turns <- struct{}{}
		wg.Go(func() {
			errs[i] = s.carryOut(ctx, e)
			<-turns
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// carryOut cancels the consignment that an event is about, unless it is cancelled.
func (s *Store) carryOut(ctx context.Context, e sidecar.Event) error {
	var cancelled eventv1.ConsignmentCancelled
	if err := event.Decode(e, &cancelled); err != nil {
		return err
	}
	_, err := s.docs.Update(ctx, cancelled.GetConsignmentId(), func(c *consignment.Consignment) error {
		if !c.Exists() {
			return errGone
		}
		c.Cancel(cancelled.GetReason(), cancelled.GetCancelTime().AsTime())
		return nil
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

var errGone = errors.New("there is no such consignment")
