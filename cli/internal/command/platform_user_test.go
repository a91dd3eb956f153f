package command

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// TestMain keeps the log-ins of whoever runs the tests out of them.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "seaport-command-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv(credentials.FolderEnv, folder) //nolint:errcheck // the name is good
	os.Unsetenv(tokenEnv)                    //nolint:errcheck // the name is good
	os.Unsetenv(serverEnv)                   //nolint:errcheck // the name is good
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

type users struct {
	userv1.UnimplementedUserServiceServer
	*platform
}

// farAway is when tokens of the fake expire: fixed, because it is shown.
var farAway = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func somebody(id, email string, roles ...userv1.Role) *userv1.User {
	return &userv1.User{Id: id, Name: "Some\x1b[2Jbody", Email: email, Roles: roles, CreateTime: noon, UpdateTime: noon}
}

// pair returns tokens that the fake gives out.
func pair(n int) *userv1.Tokens {
	return &userv1.Tokens{
		AccessToken: fmt.Sprintf("access-%d", n), AccessExpireTime: timestamppb.New(farAway),
		RefreshToken: fmt.Sprintf("refresh-%d", n), RefreshExpireTime: timestamppb.New(farAway),
	}
}

func (s *users) Create(_ context.Context, req *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	u := somebody("u9", strings.ToLower(req.GetEmail()), userv1.Role_ROLE_CUSTOMER)
	u.Name, u.Company = req.GetName(), req.GetCompany()
	return &userv1.CreateResponse{User: u}, nil
}

func (s *users) Auth(_ context.Context, req *userv1.AuthRequest) (*userv1.AuthResponse, error) {
	if s.auth != nil {
		return s.auth(req)
	}
	if req.GetPassword() != "correct horse" {
		return nil, status.Error(codes.Unauthenticated, "the address or the password is wrong")
	}
	return &userv1.AuthResponse{Tokens: pair(1), User: somebody("u2", strings.ToLower(req.GetEmail()), userv1.Role_ROLE_OPERATOR)}, nil
}

func (s *users) Get(_ context.Context, req *userv1.GetRequest) (*userv1.GetResponse, error) {
	if req.GetId() == "me" {
		return &userv1.GetResponse{User: somebody("u2", "operator@seaport.example", userv1.Role_ROLE_OPERATOR)}, nil
	}
	return &userv1.GetResponse{User: somebody(req.GetId(), "any@seaport.example")}, nil
}

func (s *users) List(context.Context, *userv1.ListRequest) (*userv1.ListResponse, error) {
	return &userv1.ListResponse{Users: []*userv1.User{
		somebody("u2", "both@seaport.example", userv1.Role_ROLE_CUSTOMER, userv1.Role_ROLE_OPERATOR), somebody("u1", "first@seaport.example"),
	}, NextPageToken: "second page"}, nil
}

func (s *users) SetRoles(_ context.Context, req *userv1.SetRolesRequest) (*userv1.SetRolesResponse, error) {
	return &userv1.SetRolesResponse{User: somebody(req.GetId(), "any@seaport.example", req.GetRoles()...)}, nil
}

func (s *users) RefreshToken(_ context.Context, req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	return s.refresh(req)
}

func (s *users) RevokeTokens(_ context.Context, req *userv1.RevokeTokensRequest) (*userv1.RevokeTokensResponse, error) {
	if s.revoke != nil {
		if err := s.revoke(req); err != nil {
			return nil, err
		}
	}
	return &userv1.RevokeTokensResponse{}, nil
}

// logIn stores a log-in at the fake whose access token expires so long from now.
func (p *platform) logIn(t *testing.T, lasts time.Duration) credentials.Login {
	t.Helper()
	login := credentials.Login{
		UserID: "u2", Email: "operator@seaport.example", Roles: []string{"operator"},
		AccessToken: "access-1", AccessExpires: time.Now().Add(lasts), RefreshToken: "refresh-1", RefreshExpires: farAway,
	}
	if err := folder(t).Put(p.address, login); err != nil {
		t.Fatal(err)
	}
	return login
}

func folder(t *testing.T) *credentials.Store {
	t.Helper()
	store, err := credentials.Open()
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// stored returns the access token of the log-in at the fake; empty when nobody is logged in.
func (p *platform) stored(t *testing.T) string {
	t.Helper()
	login, _, err := folder(t).Get(p.address)
	if err != nil {
		t.Fatal(err)
	}
	return login.AccessToken
}

// admitOnly lets calls in that come with this token.
func admitOnly(good string) func(string) error {
	return func(token string) error {
		if token != good {
			return status.Error(codes.Unauthenticated, "the token is not good")
		}
		return nil
	}
}

// refreshOnce exchanges refresh-1 for the second pair, once, as the user service does: the repeat of
// a request is answered as it was.
func refreshOnce() func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	spentBy := make(chan string, 1)
	return func(req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
		if req.GetRefreshToken() != "refresh-1" || req.GetRequestId() == "" {
			return nil, status.Error(codes.Unauthenticated, "the refresh token is not good")
		}
		select {
		case spentBy <- req.GetRequestId():
			return &userv1.RefreshTokenResponse{Tokens: pair(2)}, nil
		default:
		}
		first := <-spentBy
		spentBy <- first
		if first != req.GetRequestId() {
			return nil, status.Error(codes.Unauthenticated, "the refresh token is spent")
		}
		return &userv1.RefreshTokenResponse{Tokens: pair(2)}, nil
	}
}
