package ops

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
	"seaport.example/services/internal/sidecar"
)

// Publisher sends events to the broker.
type Publisher interface {
	Publish(ctx context.Context, topic string, events []sidecar.Event) error
}

var _ Publisher = (*sidecar.Publisher)(nil)

const (
	// longestID is how many characters an event's id may have.
	longestID = 128
	// publishTime is how long the broker has for an event. A driver may wait for a broker that is away for ever.
	publishTime = 10 * time.Second
)

// PublishEvent publishes an event that somebody wrote by hand, as if it were the service's own.
func (s *service) PublishEvent(ctx context.Context, req *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
	e, err := s.eventOf(req)
	if err != nil {
		return nil, err
	}
	err = s.publish(ctx, e)
	s.audit(ctx, e, err)
	if err != nil {
		return nil, err
	}
	return &opsv1.PublishEventResponse{Id: e.ID, AppId: s.cfg.App}, nil
}

// eventOf makes the event. Errors: NOT_FOUND, INVALID_ARGUMENT.
func (s *service) eventOf(req *opsv1.PublishEventRequest) (sidecar.Event, error) {
	topic, err := event.TopicNamed(req.GetTopic())
	if err != nil {
		return sidecar.Event{}, err
	}
	if topic.App != s.cfg.App {
		return sidecar.Event{}, failure.NotFound("topic", "%s publishes nothing to %q; %s does", s.cfg.App, topic.Name, topic.App)
	}
	id := req.GetId()
	if id == "" {
		id = uuid.Must(uuid.NewV7()).String()
	}
	if wrong := failure.Text("id", id, longestID); wrong != nil {
		return sidecar.Event{}, wrong
	}
	payload, err := topic.Read(req.GetData())
	if err != nil {
		return sidecar.Event{}, err
	}
	return s.cfg.Encoding.New(id, topic.Name, payload)
}

// publish gives an event to the broker. Errors: INVALID_ARGUMENT for one that the broker says is too large;
// UNAVAILABLE for any other of the broker, after which the event may be published or not.
func (s *service) publish(ctx context.Context, e sidecar.Event) error {
	try, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	err := s.cfg.Publisher.Publish(try, e.Topic, []sidecar.Event{e})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the caller left, or has no time
		return fmt.Errorf("publish by hand: %w", ctx.Err())
	case tooLarge(err):
		return failure.Invalid("data", "is larger than the broker takes")
	}
	return failure.Unavailable(err, "the broker does not take the event at present; try again with the same id: it is handled once")
}

// tooLarge says whether a broker refused an event for its size. The sidecar has no code for that, only the words of
// the broker's driver: of NATS, Kafka and Redis, of AMQP and MQTT.
func tooLarge(err error) bool {
	said := strings.ToLower(err.Error())
	for _, words := range []string{"maximum payload", "too large", "too big", "invalid bulk length"} {
		if strings.Contains(said, words) {
			return true
		}
	}
	return false
}

// audit logs who published what, or tried to. The payload stays out of the log.
func (s *service) audit(ctx context.Context, e sidecar.Event, err error) {
	level, message := slog.LevelInfo, "event published by hand"
	attrs := []slog.Attr{
		slog.String("user", auth.From(ctx).User), slog.String("topic", e.Topic), slog.String("event", e.ID),
		slog.String("request", request.ID(ctx)),
	}
	if err != nil {
		level, message, attrs = slog.LevelWarn, "event not published by hand, or not known to be", append(attrs, slog.Any("error", err))
	}
	s.cfg.Log.LogAttrs(ctx, level, message, attrs...)
}
