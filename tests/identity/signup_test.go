package identity

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Fifty who sign up at once with one address, each in a case of its own: there is one user, and
// the others are told that the address is taken.
func TestOneAddressOneUser(t *testing.T) {
	t.Run("one replica", func(t *testing.T) {
		p := shared(t)
		for range 3 {
			oneAddress(t, p, signUps{count: 50})
		}
	})
	p := platform.Start(t, "--no-seed", "--env", "gateway:SEAPORT_LIMITS=off", "--replicas", "user=2")
	t.Run("two replicas", func(t *testing.T) {
		for range 3 {
			oneAddress(t, p, signUps{count: 50})
		}
	})
	// Whoever gets no answer asks again, as the command line does. A claim on an address whose
	// claimant died is good for half a minute.
	for name, when := range map[string]func(address string){
		"one of them killed at once":                        func(string) {},
		"one of them killed when there is a trace":          func(address string) { awaitTrace(t, p, address, "email/") },
		"one of them killed when there is a user, not more": func(address string) { awaitTrace(t, p, address, "user/") },
	} {
		t.Run(name, func(t *testing.T) {
			oneAddress(t, p, signUps{count: 50, insist: 90 * time.Second, meanwhile: func(address string) {
				when(address)
				killed := p.Kill(t, "user")
				p.WaitRestarted(t, "user", killed)
			}})
		})
	}
}

// awaitTrace waits until there are more rows than before.
func awaitTrace(t *testing.T, p *platform.Platform, address, prefix string) {
	t.Helper()
	before := len(p.Rows(t, "user", prefix))
	platform.Wait(t, 30*time.Second, func() error {
		if len(p.Rows(t, "user", prefix)) == before {
			return fmt.Errorf("there is no trace of %s", address)
		}
		return nil
	})
}

type signUps struct {
	count     int
	insist    time.Duration // how long each repeats what was answered with UNAVAILABLE
	meanwhile func(address string)
}

func oneAddress(t *testing.T, p *platform.Platform, s signUps) {
	t.Helper()
	account := platform.NewAccount()
	before := countRows(t, p)
	clients := []*platform.Client{p.Nobody().Client(t), p.Nobody().Client(t), p.Nobody().Client(t)}
	errs := make([]error, s.count)
	answers := make([]*userv1.CreateResponse, s.count)
	gun := make(chan struct{})
	var wg sync.WaitGroup
	for i := range s.count {
		request := &userv1.CreateRequest{Name: fmt.Sprint("Number ", i), Email: mixedCase(account.Email), Password: account.Password, RequestId: freight.RequestID()}
		wg.Go(func() {
			<-gun
			answers[i], errs[i] = signUp(t.Context(), clients[i%len(clients)].Users, request, s.insist)
		})
	}
	close(gun)
	if s.meanwhile != nil {
		s.meanwhile(account.Email)
	}
	wg.Wait()

	var made *userv1.User
	for i, err := range errs {
		switch codeOf(err) {
		case codes.OK:
			if made != nil {
				t.Errorf("two were registered: %v and %v", made, answers[i].GetUser())
			}
			made = answers[i].GetUser()
		case codes.AlreadyExists:
			if v := freight.Violations(err); len(v) != 1 || v[0].Field != "email" {
				t.Errorf("the refusal names %+v, want email", v)
			}
		default:
			t.Errorf("number %d: %v", i, err)
		}
	}
	if made == nil {
		t.Fatal("nobody was registered")
	}
	if made.GetEmail() != account.Email {
		t.Errorf("registered as %q, want %q", made.GetEmail(), account.Email)
	}
	listed := 0
	for _, user := range listUsers(t, p) {
		if strings.EqualFold(user.GetEmail(), account.Email) {
			listed++
		}
	}
	if after := countRows(t, p); listed != 1 || after != (rowCount{before.users + 1, before.addresses + 1, before.listed + 1}) {
		t.Errorf("%d are listed; rows were %+v and are %+v, want one more of each", listed, before, after)
	}
	answer, err := p.Nobody().Client(t).Users.Auth(t.Context(), &userv1.AuthRequest{Email: mixedCase(account.Email), Password: account.Password})
	if err != nil || answer.GetUser().GetId() != made.GetId() {
		t.Errorf("logging in afterwards: %v, %v, want user %s", answer.GetUser(), err, made.GetId())
	}
}

func signUp(ctx context.Context, users userv1.UserServiceClient, request *userv1.CreateRequest, insist time.Duration) (*userv1.CreateResponse, error) {
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		answer, err := users.Create(attempt, request)
		cancel()
		again := codeOf(err) == codes.Unavailable || codeOf(err) == codes.DeadlineExceeded
		if !again || time.Since(began) > insist {
			return answer, err
		}
	}
}

func mixedCase(address string) string {
	letters := []byte(address)
	for i := range letters {
		if rand.N(2) == 0 {
			letters[i] = strings.ToUpper(address)[i]
		}
	}
	return string(letters)
}

// rowCount is how many rows the user service has of each kind.
type rowCount struct{ users, addresses, listed int }

func countRows(t *testing.T, p *platform.Platform) rowCount {
	t.Helper()
	return rowCount{len(p.Rows(t, "user", "user/")), len(p.Rows(t, "user", "email/")), len(listUsers(t, p))}
}

// listUsers returns every user, the newest first.
func listUsers(t *testing.T, p *platform.Platform) []*userv1.User {
	t.Helper()
	var all []*userv1.User
	admin := p.As(t, platform.Admin).Client(t).Users
	for token := ""; ; {
		page, err := admin.List(t.Context(), &userv1.ListRequest{PageSize: 200, PageToken: token})
		if err != nil {
			t.Fatalf("listing users: %v", err)
		}
		all = append(all, page.GetUsers()...)
		if token = page.GetNextPageToken(); token == "" {
			return all
		}
	}
}

// The list of users is whole, the newest first, whatever the page size.
func TestListOfUsers(t *testing.T) {
	p := shared(t)
	var made []string
	for range 12 {
		made = append([]string{p.Register(t).UserID}, made...)
	}
	admin := p.As(t, platform.Admin).Client(t).Users
	for _, size := range []int32{1, 5, 200} {
		var got []string
		for token := ""; len(got) < len(made); {
			page, err := admin.List(t.Context(), &userv1.ListRequest{PageSize: size, PageToken: token})
			if err != nil || len(page.GetUsers()) > int(size) {
				t.Fatalf("a page of %d: %d users, %v", size, len(page.GetUsers()), err)
			}
			for _, user := range page.GetUsers() {
				got = append(got, user.GetId())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(got) < len(made) || fmt.Sprint(got[:len(made)]) != fmt.Sprint(made) {
			t.Errorf("pages of %d show %v, want first %v", size, got, made)
		}
	}
	for field, request := range map[string]*userv1.ListRequest{"page_size": {PageSize: 201}, "page_token": {PageToken: "next please"}} {
		_, err := admin.List(t.Context(), request)
		if v := freight.Violations(err); codeOf(err) != codes.InvalidArgument || len(v) != 1 || v[0].Field != field {
			t.Errorf("%v: got %v, want INVALID_ARGUMENT naming %s", request, err, field)
		}
	}
}

// A sign-up is announced, and in all that the platform keeps (states, the broker's files) there is
// no password and no token.
func TestNoSecretIsKept(t *testing.T) {
	p := shared(t)
	user := p.Register(t)
	platform.Wait(t, 30*time.Second, func() error {
		rows, err := p.ReadRows("user", "outbox/")
		if err == nil && len(rows) > 0 {
			err = fmt.Errorf("%d events are still to be published", len(rows))
		}
		return err
	})
	found := false
	err := filepath.WalkDir(p.Data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // gone meanwhile
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		found = found || strings.Contains(string(content), user.UserID)
		wantWithout(t, path, string(content), map[string]string{
			"password": user.Password, "access token": user.Tokens.GetAccessToken(), "refresh token": user.Tokens.GetRefreshToken(),
		})
		return nil
	})
	if err != nil || !found {
		t.Errorf("the user is in no file at all: %v", err)
	}
}

// The same request_id signs up once and is answered again; with other content it is refused.
func TestRequestIDOfASignUp(t *testing.T) {
	p := shared(t)
	users := p.Nobody().Client(t).Users
	account := platform.NewAccount()
	request := &userv1.CreateRequest{Name: "A customer", Email: account.Email, Password: account.Password, RequestId: freight.RequestID()}
	first, err := users.Create(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	again, err := users.Create(t.Context(), request)
	if err != nil || again.GetUser().GetId() != first.GetUser().GetId() {
		t.Errorf("again: got %v, %v, want user %s", again, err, first.GetUser().GetId())
	}
	for name, change := range map[string]func(r *userv1.CreateRequest){
		"another password":   func(r *userv1.CreateRequest) { r.Password += "x" },
		"another name":       func(r *userv1.CreateRequest) { r.Name += "x" },
		"another request_id": func(r *userv1.CreateRequest) { r.RequestId += "x" },
		"no request_id":      func(r *userv1.CreateRequest) { r.RequestId = "" },
	} {
		other := &userv1.CreateRequest{Name: request.Name, Email: request.Email, Password: request.Password, RequestId: request.RequestId}
		change(other)
		if _, err := users.Create(t.Context(), other); codeOf(err) != codes.AlreadyExists {
			t.Errorf("%s: got %v, want ALREADY_EXISTS", name, err)
		}
	}
}
