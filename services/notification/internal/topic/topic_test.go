package topic_test

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/topic"
)

// shelf keeps what is to be written.
type shelf struct {
	notification.Store
	notices []notification.Notice
}

func (s *shelf) Handled(context.Context, []string) (map[string]bool, error) {
	return make(map[string]bool), nil
}

func (s *shelf) Add(_ context.Context, calls []notification.Call) []error {
	return make([]error, len(calls))
}

func (s *shelf) Write(n *notification.Notice, to notification.Person) (notification.Letter, error) {
	kept := *n
	kept.To = to
	s.notices = append(s.notices, kept)
	return notification.Letter{}, nil
}

func (s *shelf) Find(_ context.Context, id string) (notification.Person, bool, error) {
	return notification.Person{Name: id, Address: id + "@example.com"}, true, nil
}

func handle(t *testing.T, name string, events ...sidecar.Event) (*shelf, []error) {
	t.Helper()
	s := &shelf{}
	handlers := topic.Handlers(notification.NewNotices(notification.Config{
		Store: s, Writer: s, People: s, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}))
	return s, handlers[name](t.Context(), events)
}

func newEvent(t *testing.T, id, name string, payload proto.Message) sidecar.Event {
	t.Helper()
	e, err := event.JSON.New(id, name, payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	s, errs := handle(t, event.UserCreated,
		newEvent(t, "e1", event.UserCreated, &eventv1.UserCreated{UserId: "u1", Name: "Kane", Email: "kane@example.com"}),
		sidecar.Event{ID: "e2", Topic: event.UserCreated, ContentType: "application/json", Data: []byte("{")},
		newEvent(t, "e3", event.UserCreated, &eventv1.UserCreated{UserId: "u3"}),
		newEvent(t, "", event.UserCreated, &eventv1.UserCreated{Email: "kane@example.com"}),
		newEvent(t, "e4", event.UserCreated, &eventv1.UserCreated{UserId: "u4", Email: "able@example.com"}),
	)
	for i, failed := range []bool{false, true, true, true, false} {
		if errors.Is(errs[i], sidecar.ErrUnreadable) != failed {
			t.Errorf("event %d: %v", i, errs[i])
		}
	}
	if len(s.notices) != 2 || s.notices[0].Kind != notification.Welcome || s.notices[0].Event != "e1" || s.notices[0].Topic != event.UserCreated ||
		s.notices[0].To != (notification.Person{Name: "Kane", Address: "kane@example.com"}) {
		t.Errorf("%+v", s.notices)
	}
}

func TestCargo(t *testing.T) {
	t.Parallel()
	pickups := []*eventv1.Pickup{{Origin: "Hull", Containers: 2}}
	wire, err := proto.Marshal(&eventv1.ConsignmentBooked{ConsignmentId: "c2", CustomerId: "u2"})
	if err != nil {
		t.Fatal(err)
	}
	s, errs := handle(t, event.ConsignmentBooked,
		newEvent(t, "e1", event.ConsignmentBooked, &eventv1.ConsignmentBooked{
			ConsignmentId: "c1", CustomerId: "u1", VesselId: "v1", Description: "rum", Weight: 7, Pickups: pickups}),
		newEvent(t, "e2", event.ConsignmentBooked, &eventv1.ConsignmentBooked{CustomerId: "u1"}), // of no consignment
		sidecar.Event{ID: "e3", Topic: event.ConsignmentBooked, ContentType: "application/protobuf", Data: wire},
	)
	if errs[0] != nil || errs[1] == nil || errs[2] != nil || len(s.notices) != 2 {
		t.Fatalf("%v, %+v", errs, s.notices)
	}
	n := s.notices[0]
	if n.Kind != notification.Confirmation || n.To.Address != "u1@example.com" || n.Cargo.Consignment != "c1" || n.Cargo.Vessel != "v1" ||
		n.Cargo.Description != "rum" || n.Cargo.Weight != 7 || !slices.Equal(n.Cargo.Pickups, []notification.Pickup{{Origin: "Hull", Containers: 2}}) {
		t.Errorf("%+v", n)
	}
	s, errs = handle(t, event.ConsignmentCancelled, newEvent(t, "e1", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{
		ConsignmentId: "c1", CustomerId: "u1", Reason: "the hold was lost"}))
	if errs[0] != nil || len(s.notices) != 1 || s.notices[0].Kind != notification.Cancellation || s.notices[0].Cargo.Reason != "the hold was lost" {
		t.Errorf("%v, %+v", errs, s.notices)
	}
}

func TestNews(t *testing.T) {
	t.Parallel()
	at := time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC)
	s, errs := handle(t, event.ConsignmentStatus,
		newEvent(t, "e1", event.ConsignmentStatus, &eventv1.ConsignmentStatusChanged{ConsignmentId: "c1", CustomerId: "u1", VesselId: "v1",
			Description: "rum", Status: "in transit", Reason: "fair wind", ChangeTime: timestamppb.New(at)}),
		newEvent(t, "e2", event.ConsignmentStatus, &eventv1.ConsignmentStatusChanged{ConsignmentId: "c1", CustomerId: "u1", Status: " "}),
		newEvent(t, "e3", event.ConsignmentStatus, &eventv1.ConsignmentStatusChanged{CustomerId: "u1", Status: "lost"}),
		newEvent(t, "e4", event.ConsignmentStatus, &eventv1.ConsignmentStatusChanged{ConsignmentId: "c1", CustomerId: "u1", Status: "delivered"}),
	)
	for i, failed := range []bool{false, true, true, false} {
		if errors.Is(errs[i], sidecar.ErrUnreadable) != failed {
			t.Errorf("event %d: %v", i, errs[i])
		}
	}
	if len(s.notices) != 2 {
		t.Fatalf("%+v", s.notices)
	}
	want := notification.Cargo{Consignment: "c1", Vessel: "v1", Description: "rum", Status: "in transit", Reason: "fair wind", Since: at}
	if n := s.notices[0]; n.Kind != notification.News || n.To.Address != "u1@example.com" || !reflect.DeepEqual(n.Cargo, want) {
		t.Errorf("%+v", n)
	}
	if n := s.notices[1]; !n.Cargo.Since.IsZero() || n.Cargo.Reason != "" {
		t.Errorf("%+v", n)
	}
}

func TestBury(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	dead := topic.NewDeadLetters(fake.Sidecar(t).Publisher(sidecartest.PubSub))
	e := &notification.Email{
		ID: "id1", To: "kane@example.com", Subject: "hi", Text: "Dear Kane", MessageID: "id1@seaport.example", Topic: "user.created",
		Event: "e1", Status: notification.Failed, Attempts: 3, Reason: "550 no such mailbox", CreateTime: time.Now(),
	}
	if err := dead.Bury(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	events := fake.Events()
	var told notificationv1.Email
	if len(events) != 1 || events[0].Topic != "notification.dead" || events[0].ID != "id1.failed.3" || event.Decode(events[0], &told) != nil {
		t.Fatalf("%+v", events)
	}
	if told.GetId() != "id1" || told.GetContent() != "Dear Kane" || told.GetStatus() != notificationv1.EmailStatus_EMAIL_STATUS_FAILED ||
		told.GetAttempts() != 3 || told.GetReason() != e.Reason || told.GetEventId() != "e1" || told.GetSendTime() != nil {
		t.Errorf("%v", &told)
	}
	fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
	if err := dead.Bury(t.Context(), e); err == nil {
		t.Error("buried without a broker")
	}
}
