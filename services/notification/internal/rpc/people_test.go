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

// anID is of the form that users' ids have.
const anID = "01a1fccf-93a0-795e-9996-a3b492ffa72c"

func TestFind(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id    string
		err   error
		known bool
		fails bool
	}{
		"a user":               {id: anID, known: true},
		"nobody":               {id: anID, err: failure.NotFound("id", "there is no user")},
		"no id of a user":      {id: "||", err: failure.Invalid("id", "must not")},
		"a name":               {id: "customer-1"},
		"who is me?":           {id: "me"},
		"service away":         {id: anID, err: failure.Unavailable(nil, "away"), fails: true},
		"not for this service": {id: anID, err: failure.Denied("not you"), fails: true},
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
