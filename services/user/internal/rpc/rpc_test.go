package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/token"
	"seaport.example/services/user/internal/rpc"
	"seaport.example/services/user/internal/user"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is behind the service: users and sessions in memory, for one caller at a time.
type world struct {
	users    map[string]user.User
	sessions map[string]user.Session
	signed   func(u *user.User, id string) string // makes access tokens
}

func (w *world) Register(_ context.Context, u *user.User, _ user.Credential) error {
	w.users[u.ID] = *u
	return nil
}

func (w *world) Find(_ context.Context, address string) (user.User, user.Credential, error) {
	for _, u := range w.users {
		if u.Email == address {
			return u, user.Credential{Hash: "hash"}, nil
		}
	}
	return user.User{}, user.Credential{}, nil
}

func (w *world) Get(_ context.Context, id string) (user.User, error) { return w.users[id], nil }

func (w *world) Update(_ context.Context, id string, change func(*user.User) error) (user.User, error) {
	u := w.users[id]
	if err := change(&u); err != nil {
		return user.User{}, err
	}
	w.users[id] = u
	return u, nil
}

func (w *world) Page(_ context.Context, size int32, token string) ([]user.User, string, error) {
	if size != 7 || token != "token" {
		return nil, "", failure.Invalid("page_token", "is for %d, %q", size, token)
	}
	return []user.User{w.users["id2"], w.users["id1"]}, "next", nil
}

type sessions struct{ *world }

func (s sessions) Get(_ context.Context, family string) (user.Session, error) {
	return s.sessions[family], nil
}

func (s sessions) Update(_ context.Context, family string, change func(*user.Session) error) (user.Session, error) {
	session := s.sessions[family]
	if err := change(&session); err != nil {
		return user.Session{}, err
	}
	s.sessions[family] = session
	return session, nil
}

func (w *world) Hash(context.Context, string) (string, error) { return "hash", nil }

func (w *world) Matches(_ context.Context, password, hash string) (bool, error) {
	return hash == "hash" && password == "from hull to hamburg", nil
}

func (w *world) Address(raw string) (string, error)  { return strings.ToLower(raw), nil }
func (w *world) Name(raw string) string              { return raw }
func (w *world) Password(raw string) (string, error) { return raw, nil }

func (w *world) Access(u *user.User, id string, now time.Time) (string, time.Time, error) {
	return w.signed(u, id), now.Add(time.Minute), nil
}

func (w *world) Refresh(family string, counter uint32) (string, error) {
	return fmt.Sprintf("%s/%d", family, counter), nil
}

func (w *world) Open(raw string) (family string, counter uint32, err error) {
	if _, err := fmt.Sscanf(raw, "id%d/%d", new(int), &counter); err != nil {
		return "", 0, user.ErrForeign
	}
	family, _, _ = strings.Cut(raw, "/")
	return family, counter, nil
}

// service is the service with the ways to it.
type service struct {
	*world

	authority *authtest.Authority
	conn      *grpc.ClientConn
}

// open starts the service, with two users in it: id1, and id2 with every role.
func open(t *testing.T) *service {
	t.Helper()
	w := &world{users: make(map[string]user.User), sessions: make(map[string]user.Session)}
	w.users["id1"] = user.User{ID: "id1", Name: "Kane", Company: "Salty Secrets", Email: "kane@example.com", Roles: []user.Role{user.Customer}, CreateTime: noon, UpdateTime: noon.Add(1)}
	w.users["id2"] = user.User{ID: "id2", Roles: []user.Role{user.Customer, user.Operator, user.Admin}, CreateTime: noon, UpdateTime: noon}
	authority := authtest.New(t, "user", "vessel")
	keys := authority.Keys(t, "user")
	signer, err := token.ParseSigner(authority.Secrets("user")["signing-keys"])
	if err != nil {
		t.Fatal(err)
	}
	w.signed = func(u *user.User, id string) string {
		raw, err := signer.Sign(token.Claims{User: u.ID, ID: id, Roles: []string{"customer"}, Issued: time.Now(), Expires: time.Now().Add(time.Minute)}, time.Now())
		if err != nil {
			t.Error(err)
		}
		return raw
	}
	now := func() time.Time { return noon }
	ids := 2
	id := func() string { ids++; return fmt.Sprintf("id%d", ids) }
	log := slog.New(slog.DiscardHandler)
	server := serve.NewServer(log, auth.NewGuard(auth.GuardConfig{App: "user", Keys: keys, Rules: []auth.Rules{access.User}}))
	rpc.Register(server,
		user.NewUsers(user.Config{Accounts: w, Store: w, Passwords: w, Spelling: w, Now: now, NewID: id}),
		user.NewLogins(user.LoginConfig{
			Accounts: w, Store: w, Sessions: sessions{w}, Passwords: w, Spelling: w, Mint: w, RefreshTTL: time.Hour, Now: now, NewID: id, Log: log,
		}), keys)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &service{world: w, authority: authority, conn: conn}
}

// as returns the service as somebody sees it who shows a token; "" for none.
func (s *service) as(raw string) userv1.UserServiceClient {
	return userv1.NewUserServiceClient(speaking{s.conn, raw})
}

// admin returns the service as an admin sees it who is no user in it.
func (s *service) admin(t *testing.T) userv1.UserServiceClient {
	return s.as(s.authority.User(t, "boss", auth.Admin))
}

// speaking is a connection on which somebody calls.
type speaking struct {
	*grpc.ClientConn

	token string
}

func (s speaking) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if s.token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token)
	}
	return s.ClientConn.Invoke(ctx, method, args, reply, opts...)
}

// want demands an error of a code about these fields; "OK" demands none.
func want(t *testing.T, what string, err error, code string, fields ...string) {
	t.Helper()
	var got []string
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				got = append(got, v.GetField())
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				got = append(got, v.GetType())
			}
		}
	}
	if status.Code(err).String() != code || !slices.Equal(got, fields) {
		t.Errorf("%s: %v about %q, want %s about %q", what, err, got, code, fields)
	}
}

func kane() *userv1.User {
	return &userv1.User{
		Id: "id1", Name: "Kane", Company: "Salty Secrets", Email: "kane@example.com", Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER},
		CreateTime: timestamppb.New(noon), UpdateTime: timestamppb.New(noon.Add(1)),
	}
}

func wantUser(t *testing.T, what string, got *userv1.User, err error, want *userv1.User) {
	t.Helper()
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("%s: %v, %v; want %v", what, got, err, want)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := open(t)
	created, err := s.as("").Create(t.Context(), &userv1.CreateRequest{
		Name: "Able", Company: "Co", Email: "able@example.com", Password: "from hull to hamburg", RequestId: "r",
	})
	wantUser(t, "created", created.GetUser(), err, &userv1.User{
		Id: "id3", Name: "Able", Company: "Co", Email: "able@example.com", Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER},
		CreateTime: timestamppb.New(noon), UpdateTime: timestamppb.New(noon),
	})
	_, err = s.as("garbage").Create(t.Context(), &userv1.CreateRequest{RequestId: strings.Repeat("r", 129)})
	want(t, "nothing", err, "InvalidArgument", "name", "email", "password", "request_id")
}

func TestGet(t *testing.T) {
	t.Parallel()
	s := open(t)
	mine, boss := s.as(s.authority.User(t, "id1", auth.Customer)), s.admin(t)
	for name, get := range map[string]func() (*userv1.GetResponse, error){
		"me":       func() (*userv1.GetResponse, error) { return mine.Get(t.Context(), &userv1.GetRequest{Id: "me"}) },
		"by id":    func() (*userv1.GetResponse, error) { return mine.Get(t.Context(), &userv1.GetRequest{Id: "id1"}) },
		"by admin": func() (*userv1.GetResponse, error) { return boss.Get(t.Context(), &userv1.GetRequest{Id: "id1"}) },
	} {
		got, err := get()
		wantUser(t, name, got.GetUser(), err, kane())
	}
	for _, id := range []string{"id2", "id9"} {
		_, err := mine.Get(t.Context(), &userv1.GetRequest{Id: id})
		want(t, "another's", err, "NotFound", "id")
	}
	_, err := boss.Get(t.Context(), &userv1.GetRequest{Id: "me"})
	want(t, "an admin from outside", err, "NotFound", "id")
	_, err = mine.Get(t.Context(), &userv1.GetRequest{})
	want(t, "nothing", err, "InvalidArgument", "id")
	_, err = s.as("").Get(t.Context(), &userv1.GetRequest{Id: "id1"})
	want(t, "by nobody", err, "Unauthenticated")
}

func TestList(t *testing.T) {
	t.Parallel()
	s := open(t)
	list, err := s.admin(t).List(t.Context(), &userv1.ListRequest{PageSize: 7, PageToken: "token"})
	if err != nil || list.GetNextPageToken() != "next" || len(list.GetUsers()) != 2 || !proto.Equal(list.GetUsers()[1], kane()) ||
		!slices.Equal(list.GetUsers()[0].GetRoles(), []userv1.Role{userv1.Role_ROLE_CUSTOMER, userv1.Role_ROLE_OPERATOR, userv1.Role_ROLE_ADMIN}) {
		t.Errorf("listed %v, %v", list, err)
	}
	_, err = s.admin(t).List(t.Context(), &userv1.ListRequest{PageSize: 8})
	want(t, "a wrong page", err, "InvalidArgument", "page_token")
	_, err = s.as(s.authority.User(t, "id1", auth.Customer, auth.Operator)).List(t.Context(), &userv1.ListRequest{PageSize: 7, PageToken: "token"})
	want(t, "by no admin", err, "PermissionDenied")
}

func TestSetRoles(t *testing.T) {
	t.Parallel()
	const c, o, a = userv1.Role_ROLE_CUSTOMER, userv1.Role_ROLE_OPERATOR, userv1.Role_ROLE_ADMIN
	s := open(t)
	for name, k := range map[string]struct {
		id     string
		roles  []userv1.Role
		code   string
		fields []string
	}{
		"all":         {"id1", []userv1.Role{c, o, a}, "OK", nil},
		"none":        {"id1", nil, "OK", nil},
		"unspecified": {"id1", []userv1.Role{o, userv1.Role_ROLE_UNSPECIFIED}, "InvalidArgument", []string{"roles"}},
		"unknown":     {"id1", []userv1.Role{o, 77}, "InvalidArgument", []string{"roles"}},
		"twice":       {"id1", []userv1.Role{o, o}, "InvalidArgument", []string{"roles"}},
		"of nobody":   {"id9", []userv1.Role{o}, "NotFound", []string{"id"}},
		"oneself":     {"boss", []userv1.Role{o}, "FailedPrecondition", []string{"LAST_ADMIN"}},
		"me":          {"me", []userv1.Role{o}, "FailedPrecondition", []string{"LAST_ADMIN"}},
	} {
		got, err := s.admin(t).SetRoles(t.Context(), &userv1.SetRolesRequest{Id: k.id, Roles: k.roles})
		want(t, name, err, k.code, k.fields...)
		if k.code == "OK" && !slices.Equal(got.GetUser().GetRoles(), k.roles) {
			t.Errorf("%s: %v", name, got)
		}
	}
	_, err := s.as(s.authority.User(t, "id1", auth.Operator)).SetRoles(t.Context(), &userv1.SetRolesRequest{Id: "id1", Roles: []userv1.Role{a}})
	want(t, "by no admin", err, "PermissionDenied")
}
