// Package topic makes the events that the user service announces.
package topic

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/user/internal/user"
)

// Announcer makes events in an encoding.
type Announcer struct{ Encoding event.Encoding }

// Created announces a new user. What proves who that is has no place in it.
func (a Announcer) Created(u *user.User) (sidecar.Event, error) {
	return a.Encoding.New(u.ID+".created", event.UserCreated, &eventv1.UserCreated{
		UserId: u.ID, Name: u.Name, Company: u.Company, Email: u.Email, CreateTime: timestamppb.New(u.CreateTime),
	})
}
