// Package rpc translates between the user service's contract and its domain.
package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/normalize"
	"seaport.example/services/internal/token"
	"seaport.example/services/user/internal/user"
)

// Verifier verifies access tokens.
type Verifier interface {
	// Verify returns what a token says. Errors: UNAUTHENTICATED when it is not good.
	Verify(raw string) (token.Claims, error)
}

var _ Verifier = (*auth.Keys)(nil)

// Server is the UserService.
type Server struct {
	userv1.UnimplementedUserServiceServer

	users    *user.Users
	logins   *user.Logins
	verifier Verifier
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, users *user.Users, logins *user.Logins, verifier Verifier) {
	userv1.RegisterUserServiceServer(server, &Server{users: users, logins: logins, verifier: verifier})
}

// Create implements the contract.
func (s *Server) Create(ctx context.Context, req *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	u, err := s.users.Create(ctx, user.Registration{
		Name: req.GetName(), Company: req.GetCompany(), Email: req.GetEmail(),
		Password: req.GetPassword(), RequestID: normalize.Name(req.GetRequestId()),
	})
	if err != nil {
		return nil, err
	}
	return &userv1.CreateResponse{User: toProto(&u)}, nil
}

// Get implements the contract.
func (s *Server) Get(ctx context.Context, req *userv1.GetRequest) (*userv1.GetResponse, error) {
	id, err := named(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	u, err := s.users.Get(ctx, auth.Owner(ctx), id)
	if err != nil {
		return nil, err
	}
	return &userv1.GetResponse{User: toProto(&u)}, nil
}

// List implements the contract.
func (s *Server) List(ctx context.Context, req *userv1.ListRequest) (*userv1.ListResponse, error) {
	page, next, err := s.users.Page(ctx, req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &userv1.ListResponse{NextPageToken: next}
	for i := range page {
		resp.Users = append(resp.Users, toProto(&page[i]))
	}
	return resp, nil
}

// SetRoles implements the contract.
func (s *Server) SetRoles(ctx context.Context, req *userv1.SetRolesRequest) (*userv1.SetRolesResponse, error) {
	roles := make([]user.Role, len(req.GetRoles()))
	for i, role := range req.GetRoles() {
		roles[i] = roleOf[role] // one that is not known is refused
	}
	id, err := named(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	u, err := s.users.SetRoles(ctx, auth.From(ctx).User, id, roles)
	if err != nil {
		return nil, err
	}
	return &userv1.SetRolesResponse{User: toProto(&u)}, nil
}

// named returns the id that a request means: "me" is the caller's.
func named(ctx context.Context, id string) (string, error) {
	if id != "me" {
		return id, nil
	}
	caller := auth.From(ctx)
	switch {
	case caller.App != "":
		return "", failure.Invalid("id", "a service is no user: \"me\" is nobody")
	case caller.User == "":
		return "", failure.Unauthenticated("log in first: without an access token nobody knows who \"me\" is")
	}
	return caller.User, nil
}

var (
	roleOf = map[userv1.Role]user.Role{
		userv1.Role_ROLE_CUSTOMER: user.Customer, userv1.Role_ROLE_OPERATOR: user.Operator, userv1.Role_ROLE_ADMIN: user.Admin,
	}
	protoOf = map[user.Role]userv1.Role{
		user.Customer: userv1.Role_ROLE_CUSTOMER, user.Operator: userv1.Role_ROLE_OPERATOR, user.Admin: userv1.Role_ROLE_ADMIN,
	}
)

func toProto(u *user.User) *userv1.User {
	return &userv1.User{
		Id: u.ID, Name: u.Name, Company: u.Company, Email: u.Email, Roles: rolesToProto(u.Roles),
		CreateTime: timestamppb.New(u.CreateTime), UpdateTime: timestamppb.New(u.UpdateTime),
	}
}

func rolesToProto[R ~string](roles []R) []userv1.Role {
	var out []userv1.Role
	for _, role := range roles {
		if known, ok := protoOf[user.Role(role)]; ok {
			out = append(out, known)
		}
	}
	return out
}
