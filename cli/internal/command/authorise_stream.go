package command

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stream is an interceptor that opens a stream with the caller's access token. A stream that is
// refused before its first answer is opened again with another token, and sent the same.
func (c *caller) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	t := &trialStream{token: token}
	t.open = func(token string) (grpc.ClientStream, error) {
		return streamer(c.bearing(ctx, token), desc, cc, method, opts...)
	}
	t.renew = func(token string) (string, error) { return c.renew(ctx, token) }
	t.refused = func() { c.turnedAway.Store(true) }
	if t.ClientStream, err = t.open(token); err != nil {
		return nil, err
	}
	return t, nil
}

// maxKept is how many messages a stream keeps to send them again; one that has sent more before
// its first answer is not opened again.
const maxKept = 16

// trialStream is a stream that is not known to be admitted until its first answer.
type trialStream struct {
	grpc.ClientStream // changed with mu held, by the receiver, before it is admitted only
	token             string
	open              func(token string) (grpc.ClientStream, error)
	renew             func(token string) (string, error)
	refused           func()

	admitted atomic.Bool // or given up: nothing is sent again
	mu       sync.Mutex
	kept     []any
	closed   bool
}

// SendMsg sends a message, and keeps it for a while.
func (t *trialStream) SendMsg(m any) error {
	if t.admitted.Load() {
		return t.ClientStream.SendMsg(m)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, m)
	err := t.ClientStream.SendMsg(m)
	if errors.Is(err, io.EOF) && len(t.kept) <= maxKept {
		return nil // the stream has ended; RecvMsg finds out why, and may send it again
	}
	return err
}

// CloseSend ends what is sent.
func (t *trialStream) CloseSend() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return t.ClientStream.CloseSend()
}

// RecvMsg receives a message.
func (t *trialStream) RecvMsg(m any) error {
	err := t.ClientStream.RecvMsg(m)
	if t.admitted.Load() {
		return err
	}
	if status.Code(err) == codes.Unauthenticated {
		again, renewErr := t.again()
		switch {
		case renewErr != nil:
			err = renewErr
		case again:
			err = t.ClientStream.RecvMsg(m)
		}
		if status.Code(err) == codes.Unauthenticated {
			t.refused()
		}
	}
	t.admitted.Store(true)
	return err
}

// again opens the stream anew with another token, if there is one, and sends what was sent.
func (t *trialStream) again() (bool, error) {
	token, err := t.renew(t.token)
	if err != nil || token == "" {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.kept) > maxKept {
		return false, nil
	}
	fresh, err := t.open(token)
	if err != nil {
		return false, err
	}
	for _, m := range t.kept {
		if err := fresh.SendMsg(m); err != nil {
			break // RecvMsg finds out why
		}
	}
	if t.closed {
		_ = fresh.CloseSend()
	}
	t.ClientStream = fresh
	return true, nil
}
