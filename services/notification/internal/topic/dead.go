package topic

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/notification/internal/notification"
)

// Publisher sends events to the broker.
type Publisher interface {
	Publish(ctx context.Context, topic string, events []sidecar.Event) error
}

var _ Publisher = (*sidecar.Publisher)(nil)

// DeadLetters tells of e-mails that were given up, where the sidecar tells of events that could not be handled.
type DeadLetters struct {
	publisher Publisher
}

var _ notification.DeadLetters = DeadLetters{}

// NewDeadLetters returns the dead letters behind a publisher.
func NewDeadLetters(publisher Publisher) DeadLetters { return DeadLetters{publisher: publisher} }

// Bury publishes an e-mail. That it was given up is another event each time.
func (d DeadLetters) Bury(ctx context.Context, e *notification.Email) error {
	given, err := event.JSON.New(fmt.Sprintf("%s.failed.%d", e.ID, e.Attempts), event.NotificationDead, ToProto(e))
	if err != nil {
		return err
	}
	return d.publisher.Publish(ctx, event.NotificationDead, []sidecar.Event{given})
}

// GivenUp is the e-mails that were given up, as dead letters.
type GivenUp struct {
	notices *notification.Notices
}

var _ deadletter.Own = GivenUp{}

// NewGivenUp returns the e-mails that were given up.
func NewGivenUp(notices *notification.Notices) GivenUp { return GivenUp{notices: notices} }

// Type is that of e-mails.
func (GivenUp) Type() string {
	return string((*notificationv1.Email)(nil).ProtoReflect().Descriptor().FullName())
}

// Read says why an e-mail was given up.
func (g GivenUp) Read(ctx context.Context, e sidecar.Event) (deadletter.Account, error) {
	email, err := given(e)
	if err != nil {
		return deadletter.Account{}, err
	}
	still, err := g.notices.GivenUp(ctx, email.GetId(), int(email.GetAttempts()))
	if err != nil {
		return deadletter.Account{}, err
	}
	return deadletter.Account{
		Over:     !still,
		Reason:   fmt.Sprintf("%q to %s: %s", email.GetSubject(), email.GetEmail(), email.GetReason()),
		Attempts: int(email.GetAttempts()),
	}, nil
}

// Again queues an e-mail once more.
func (g GivenUp) Again(ctx context.Context, e sidecar.Event) error {
	email, err := given(e)
	if err != nil {
		return err
	}
	return g.notices.Again(ctx, email.GetId(), int(email.GetAttempts()))
}

// given reads what was published of an e-mail.
func given(e sidecar.Event) (*notificationv1.Email, error) {
	email := &notificationv1.Email{}
	if err := event.Decode(e, email); err != nil {
		return nil, err
	}
	if email.GetId() == "" || email.GetAttempts() < 1 {
		return nil, fmt.Errorf("%w: it names no e-mail, or no attempt", sidecar.ErrUnreadable)
	}
	return email, nil
}

var statuses = map[notification.Status]notificationv1.EmailStatus{
	notification.Pending: notificationv1.EmailStatus_EMAIL_STATUS_PENDING,
	notification.Sent:    notificationv1.EmailStatus_EMAIL_STATUS_SENT,
	notification.Failed:  notificationv1.EmailStatus_EMAIL_STATUS_FAILED,
}

// ToProto returns an e-mail as others see it.
func ToProto(e *notification.Email) *notificationv1.Email {
	p := &notificationv1.Email{
		Id: e.ID, Email: e.To, Subject: e.Subject, Content: e.Text, MessageId: e.MessageID, Topic: e.Topic, EventId: e.Event,
		Status: statuses[e.Status], CreateTime: timestamppb.New(e.CreateTime), Attempts: int32(e.Attempts), Reason: e.Reason, //nolint:gosec // a few
	}
	if !e.SendTime.IsZero() {
		p.SendTime = timestamppb.New(e.SendTime)
	}
	return p
}
