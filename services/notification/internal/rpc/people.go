package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/notification/internal/notification"
)

// People asks the user service.
type People struct {
	client userv1.UserServiceClient
}

var _ notification.People = People{}

// NewPeople returns the user service at the other end of conn.
func NewPeople(conn grpc.ClientConnInterface) People {
	return People{client: userv1.NewUserServiceClient(conn)}
}

// Find returns the user with an id. An operator may book for any customer id, one that no user could have too.
func (p People) Find(ctx context.Context, id string) (notification.Person, bool, error) {
	if uuid.Validate(id) != nil { // as every user's id is
		return notification.Person{}, false, nil
	}
	resp, err := p.client.Get(ctx, &userv1.GetRequest{Id: id})
	switch status.Code(err) {
	case codes.OK:
		return notification.Person{Name: resp.GetUser().GetName(), Address: resp.GetUser().GetEmail()}, true, nil
	case codes.NotFound, codes.InvalidArgument:
		return notification.Person{}, false, nil
	}
	return notification.Person{}, false, err
}
