package bench

import (
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failure is a kind of error and how often it came.
type Failure struct {
	Call    string // "ping" or "booking"
	Code    codes.Code
	Message string
	Count   int
}

// maxKinds bounds the errors told apart: some carry ids in their text.
const maxKinds = 20

// tally counts errors by what they say. It is safe for concurrent use.
type tally struct {
	call  string
	mu    sync.Mutex
	kinds []Failure
	first error
}

func (t *tally) add(err error) {
	code := status.Code(err)
	message := status.Convert(err).Message()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		t.first = err
	}
	same := func(f Failure) bool { return f.Code == code && f.Message == message }
	i := slices.IndexFunc(t.kinds, same)
	if i < 0 && len(t.kinds) >= maxKinds {
		message = "(other messages)"
		i = slices.IndexFunc(t.kinds, same)
	}
	if i < 0 {
		i = len(t.kinds)
		t.kinds = append(t.kinds, Failure{Call: t.call, Code: code, Message: message})
	}
	t.kinds[i].Count++
}
