package topic

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
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

// Bury publishes an e-mail.
func (d DeadLetters) Bury(ctx context.Context, e *notification.Email) error {
	given, err := event.JSON.New(e.ID+".failed", event.NotificationDead, ToProto(e))
	if err != nil {
		return err
	}
	return d.publisher.Publish(ctx, event.NotificationDead, []sidecar.Event{given})
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
