package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// fakeUsers keeps users as the user service does.
type fakeUsers struct {
	userv1.UnimplementedUserServiceServer

	mu      sync.Mutex
	users   map[string]*userv1.User          // by id
	created map[string]*userv1.CreateRequest // by e-mail
	calls   []string
	fail    func(call string) error // may be nil

	pairs   int             // pairs of tokens given out
	access  map[string]bool // access tokens that are good
	refresh map[string]bool // refresh tokens that are good
}

func newFakeUsers() *fakeUsers {
	return &fakeUsers{
		users: map[string]*userv1.User{}, created: map[string]*userv1.CreateRequest{},
		access: map[string]bool{}, refresh: map[string]bool{},
	}
}

// begin notes a call. An admin's needs the token.
func (f *fakeUsers) begin(ctx context.Context, call string, admin bool) error {
	f.calls = append(f.calls, call)
	given, _ := metadata.FromIncomingContext(ctx)
	if admin != slices.Equal(given.Get("authorization"), []string{"Bearer of an admin"}) {
		return status.Errorf(codes.Unauthenticated, "%s with token %v", call, given.Get("authorization"))
	}
	if f.fail != nil {
		return f.fail(call)
	}
	return nil
}

func (f *fakeUsers) Create(ctx context.Context, request *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, taken := f.created[request.GetEmail()]
	if taken && (first.GetRequestId() != request.GetRequestId() || first.GetPassword() != request.GetPassword()) {
		return nil, status.Error(codes.AlreadyExists, "taken")
	}
	id := "id of " + request.GetEmail()
	if !taken {
		f.created[request.GetEmail()] = request
		f.users[id] = &userv1.User{Id: id, Name: request.GetName(), Email: request.GetEmail(), Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER}}
	}
	if err := f.begin(ctx, "create "+request.GetEmail(), false); err != nil {
		return nil, err // the answer is lost
	}
	return &userv1.CreateResponse{User: f.users[id]}, nil
}

func (f *fakeUsers) Get(ctx context.Context, request *userv1.GetRequest) (*userv1.GetResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "get "+request.GetId(), true); err != nil {
		return nil, err
	}
	if user, there := f.users[request.GetId()]; there {
		return &userv1.GetResponse{User: user}, nil
	}
	return nil, status.Error(codes.NotFound, "no such user")
}

func (f *fakeUsers) SetRoles(ctx context.Context, request *userv1.SetRolesRequest) (*userv1.SetRolesResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.begin(ctx, "roles "+request.GetId(), true); err != nil {
		return nil, err
	}
	f.users[request.GetId()].Roles = request.GetRoles()
	return &userv1.SetRolesResponse{User: f.users[request.GetId()]}, nil
}

func (f *fakeUsers) Auth(_ context.Context, request *userv1.AuthRequest) (*userv1.AuthResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "auth "+request.GetEmail())
	if f.created[request.GetEmail()].GetPassword() != request.GetPassword() {
		return nil, status.Error(codes.Unauthenticated, "wrong")
	}
	return &userv1.AuthResponse{Tokens: f.pair(), User: f.users["id of "+request.GetEmail()]}, nil
}

func (f *fakeUsers) ValidateToken(_ context.Context, request *userv1.ValidateTokenRequest) (*userv1.ValidateTokenResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &userv1.ValidateTokenResponse{Valid: f.access[request.GetToken()]}, nil
}

func (f *fakeUsers) RefreshToken(_ context.Context, request *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if request.GetRequestId() == "" || !f.refresh[request.GetRefreshToken()] {
		return nil, status.Error(codes.Unauthenticated, "spent")
	}
	delete(f.refresh, request.GetRefreshToken())
	return &userv1.RefreshTokenResponse{Tokens: f.pair()}, nil
}

func (f *fakeUsers) pair() *userv1.Tokens {
	f.pairs++
	access, refresh := fmt.Sprint("access", f.pairs), fmt.Sprint("refresh", f.pairs)
	f.access[access], f.refresh[refresh] = true, true
	end := timestamppb.New(time.Now().Add(time.Hour))
	return &userv1.Tokens{AccessToken: access, AccessExpireTime: end, RefreshToken: refresh, RefreshExpireTime: end}
}

func (f *fakeUsers) serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	return serve(t, func(server *grpc.Server) { userv1.RegisterUserServiceServer(server, f) })
}

const adminToken = "of an admin"

func TestSampleUsersAreCreatedOnce(t *testing.T) {
	fake, data := newFakeUsers(), t.TempDir()
	sample := newRegistrar(data, fake.serve(t), adminToken)
	first, err := sample.ensure(t.Context())
	if err != nil || len(first.created) != 3 || len(first.users) != 3 || len(first.unknown) != 0 {
		t.Fatalf("the first time: %+v, %v", first, err)
	}
	for _, user := range first.users {
		stored := fake.users[user.UserID]
		if stored.GetEmail() != user.Role+"@seaport.example" || !slices.Equal(stored.GetRoles(), []userv1.Role{roleOf(user.Role)}) || stored.GetName() != "Sample "+user.Role {
			t.Errorf("%s is %v", user.Email, stored)
		}
		if request := fake.created[user.Email]; request.GetPassword() != user.Password || len(user.Password) < 16 || request.GetRequestId() == "" {
			t.Errorf("%s was created with another password than the one that is kept, or a weak one", user.Email)
		}
	}
	if kept, err := readUsers(data); err != nil || !slices.Equal(kept, first.users) {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	if info, err := os.Stat(filepath.Join(data, UsersFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v", info.Mode(), err)
	}
	fake.calls = nil
	second, err := sample.ensure(t.Context())
	if err != nil || len(second.created) != 0 || !slices.Equal(second.users, first.users) {
		t.Errorf("the second time: %+v, %v", second, err)
	}
	if slices.ContainsFunc(fake.calls, func(call string) bool { return !strings.HasPrefix(call, "get ") }) {
		t.Errorf("the second time it called %v", fake.calls)
	}
}

func TestSampleUsersAfterACrash(t *testing.T) {
	crash := errors.New("crash")
	for _, at := range []string{
		"create customer@seaport.example", "create operator@seaport.example", "roles id of operator@seaport.example", "roles id of admin@seaport.example",
	} {
		t.Run(at, func(t *testing.T) {
			fake, data := newFakeUsers(), t.TempDir()
			sample := newRegistrar(data, fake.serve(t), adminToken)
			fake.fail = func(call string) error {
				if call == at {
					return crash
				}
				return nil
			}
			if _, err := sample.ensure(t.Context()); err == nil {
				t.Fatal("nothing failed")
			}
			fake.fail = nil
			result, err := sample.ensure(t.Context())
			if err != nil || len(result.users) != 3 || len(result.unknown) != 0 {
				t.Fatalf("after it: %+v, %v", result, err)
			}
			for _, user := range result.users {
				if fake.created[user.Email].GetPassword() != user.Password || !slices.Equal(fake.users[user.UserID].GetRoles(), []userv1.Role{roleOf(user.Role)}) {
					t.Errorf("%s is not as it should be", user.Email)
				}
			}
		})
	}
}

func TestSampleUsersOfLostState(t *testing.T) {
	fake, data := newFakeUsers(), t.TempDir()
	sample := newRegistrar(data, fake.serve(t), adminToken)
	if _, err := sample.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	clear(fake.users)
	clear(fake.created)
	result, err := sample.ensure(t.Context())
	if err != nil || len(result.created) != 3 || len(fake.users) != 3 {
		t.Errorf("with an empty store: %+v, %v", result, err)
	}
}

func TestSampleUsersWithLostPasswords(t *testing.T) {
	fake, data := newFakeUsers(), t.TempDir()
	sample := newRegistrar(data, fake.serve(t), adminToken)
	if _, err := sample.ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, UsersFile)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	delete(fake.created, "admin@seaport.example") // one that was not there yet
	result, err := sample.ensure(t.Context())
	if err != nil || len(result.users) != 1 || !slices.Equal(result.unknown, []string{"customer@seaport.example", "operator@seaport.example"}) {
		t.Fatalf("%+v, %v", result, err)
	}
	if kept, err := readUsers(data); err != nil || len(kept) != 1 || kept[0].Role != "admin" {
		t.Errorf("kept are %+v, %v: passwords that are nobody's must not be", kept, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	result, err = sample.ensure(t.Context())
	if err != nil || len(result.unknown) != 3 || len(result.users) != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("passwords that are nobody's were kept: %v", err)
	}
}

func TestDamagedUsersAreToldAndKept(t *testing.T) {
	for _, text := range []string{"", "[", "{}", "[]", `[{"role":"captain","email":"a@b.example","password":"x"}]`, `[{"role":"admin","email":"a@b.example"}]`} {
		fake, data := newFakeUsers(), t.TempDir()
		path := filepath.Join(data, UsersFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := newRegistrar(data, fake.serve(t), adminToken).ensure(t.Context()); !errors.Is(err, errUsersDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error = %v", text, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != text || len(fake.calls) != 0 {
			t.Errorf("%q became %q, %v", text, after, err)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([]sampleUser{{Role: "customer", Email: "customer@seaport.example", Password: "x"}, {Role: "admin", Email: "admin@seaport.example", Password: "longer"}})
	want := []string{
		"E-MAIL                    PASSWORD  ROLE",
		"customer@seaport.example  x         customer",
		"admin@seaport.example     longer    admin",
	}
	if !slices.Equal(got, want) {
		t.Errorf("table =\n%s", strings.Join(got, "\n"))
	}
}
