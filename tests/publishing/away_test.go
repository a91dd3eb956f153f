package publishing

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// While the broker does not answer, publishing says so; the same again, once it does, is handled once, whatever became
// of the first.
func TestBrokerIsAway(t *testing.T) {
	p := platform.Shared(t)
	to, id := newAddress(), freight.RequestID()
	event := request(t, topic, id, welcome(to))
	c := p.Client(t)
	p.Freeze(t, "nats")
	if _, err := c.PublishEvent(t.Context(), event); status.Code(err) != codes.Unavailable {
		t.Errorf("without a broker: %v", err)
	}
	p.Thaw(t, "nats")
	platform.Wait(t, time.Minute, func() error {
		_, err := c.PublishEvent(t.Context(), event)
		return err
	})
	waitWelcomes(t, p, to, 1)
}
