package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/rpc"
)

// register is a user service with one user.
type register struct {
	userv1.UnimplementedUserServiceServer
	err error
}

func (r *register) Get(_ context.Context, req *userv1.GetRequest) (*userv1.GetResponse, error) {
	if r.err != nil {
		return nil, r.err
	}
	return &userv1.GetResponse{User: &userv1.User{Id: req.GetId(), Name: "Kane", Email: "kane@example.com"}}, nil
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string
		err   error
		known bool
		fails bool
	}{
		"a user":               {id: "u1", known: true},
		"nobody":               {id: "customer-1", err: failure.NotFound("id", "there is no user")},
		"no id of a user":      {id: "||", err: failure.Invalid("id", "must not")},
		"who is me?":           {id: "me"},
		"service away":         {id: "u1", err: failure.Unavailable(nil, "away"), fails: true},
		"not for this service": {id: "u1", err: failure.Denied("not you"), fails: true},
	} {
		fake := sidecartest.New()
		fake.App(t, "user", func(s grpc.ServiceRegistrar) { userv1.RegisterUserServiceServer(s, &register{err: c.err}) })
		got, known, err := rpc.NewPeople(fake.Sidecar(t).App("user")).Find(t.Context(), c.id)
		if known != c.known || (err != nil) != c.fails {
			t.Errorf("%s: %t, %v", name, known, err)
		}
		if known && got != (notification.Person{Name: "Kane", Address: "kane@example.com"}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
