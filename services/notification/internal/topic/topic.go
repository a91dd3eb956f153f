// Package topic takes the events the notification service listens to, and tells of what it gave up.
package topic

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/notification/internal/notification"
)

// Handlers returns what the service does on each topic.
func Handlers(notices *notification.Notices) map[string]sidecar.Handler {
	return map[string]sidecar.Handler{
		event.UserCreated:          handler(notices, welcome),
		event.ConsignmentBooked:    handler(notices, confirmation),
		event.ConsignmentCancelled: handler(notices, cancellation),
		event.ConsignmentStatus:    handler(notices, news),
	}
}

// handler handles events together. An event that cannot be decoded fails alone.
func handler(notices *notification.Notices, read func(e sidecar.Event, n *notification.Notice) error) sidecar.Handler {
	return func(ctx context.Context, events []sidecar.Event) []error {
		errs := make([]error, len(events))
		var wanted []notification.Notice
		var indices []int
		for i, e := range events {
			n := notification.Notice{Event: e.ID, Topic: e.Topic}
			if errs[i] = read(e, &n); errs[i] == nil && n.Event == "" {
				errs[i] = fmt.Errorf("%w: it has no id", sidecar.ErrUnreadable)
			}
			if errs[i] == nil {
				wanted, indices = append(wanted, n), append(indices, i)
			}
		}
		for n, err := range notices.Notify(ctx, wanted) {
			errs[indices[n]] = err
		}
		return errs
	}
}

func welcome(e sidecar.Event, n *notification.Notice) error {
	var p eventv1.UserCreated
	if err := event.Decode(e, &p); err != nil {
		return err
	}
	if p.GetEmail() == "" {
		return fmt.Errorf("%w: it names no address", sidecar.ErrUnreadable)
	}
	n.Kind, n.To = notification.Welcome, notification.Person{Name: p.GetName(), Address: p.GetEmail()}
	return nil
}

func confirmation(e sidecar.Event, n *notification.Notice) error {
	n.Kind = notification.Confirmation
	return cargo(e, &eventv1.ConsignmentBooked{}, n)
}

func cancellation(e sidecar.Event, n *notification.Notice) error {
	n.Kind = notification.Cancellation
	p := &eventv1.ConsignmentCancelled{}
	err := cargo(e, p, n)
	n.Cargo.Reason = p.GetReason()
	return err
}

func news(e sidecar.Event, n *notification.Notice) error {
	n.Kind = notification.News
	p := &eventv1.ConsignmentStatusChanged{}
	if err := consignment(e, p, n); err != nil {
		return err
	}
	if strings.TrimSpace(p.GetStatus()) == "" {
		return fmt.Errorf("%w: it names no status", sidecar.ErrUnreadable)
	}
	n.Cargo.Status, n.Cargo.Reason = p.GetStatus(), p.GetReason()
	if p.GetChangeTime().IsValid() {
		n.Cargo.Since = p.GetChangeTime().AsTime()
	}
	return nil
}

// payload is an event about a consignment.
type payload interface {
	proto.Message
	GetConsignmentId() string
	GetCustomerId() string
	GetVesselId() string
	GetDescription() string
}

func consignment(e sidecar.Event, p payload, n *notification.Notice) error {
	if err := event.Decode(e, p); err != nil {
		return err
	}
	if p.GetConsignmentId() == "" {
		return fmt.Errorf("%w: it names no consignment", sidecar.ErrUnreadable)
	}
	n.Customer = p.GetCustomerId()
	n.Cargo = notification.Cargo{Consignment: p.GetConsignmentId(), Vessel: p.GetVesselId(), Description: p.GetDescription()}
	return nil
}

// loaded is an event about a consignment and what it holds.
type loaded interface {
	payload
	GetWeight() int32
	GetPickups() []*eventv1.Pickup
}

func cargo(e sidecar.Event, p loaded, n *notification.Notice) error {
	if err := consignment(e, p, n); err != nil {
		return err
	}
	n.Cargo.Weight = p.GetWeight()
	for _, pickup := range p.GetPickups() {
		n.Cargo.Pickups = append(n.Cargo.Pickups, notification.Pickup{Origin: pickup.GetOrigin(), Containers: pickup.GetContainers()})
	}
	return nil
}
