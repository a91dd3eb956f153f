package identity

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// visitor makes the calls that need no access token.
type visitor struct {
	*testing.T

	users userv1.UserServiceClient
}

func visit(t *testing.T, p *platform.Platform) visitor {
	t.Helper()
	return visitor{t, p.Nobody().Client(t).Users}
}

func (v visitor) logIn(account platform.Account) *userv1.Tokens {
	v.Helper()
	answer, err := v.users.Auth(v.Context(), &userv1.AuthRequest{Email: account.Email, Password: account.Password})
	if err != nil {
		v.Fatalf("logging in: %v", err)
	}
	return answer.GetTokens()
}

func (v visitor) refresh(token, request string) (*userv1.Tokens, error) {
	answer, err := v.users.RefreshToken(v.Context(), &userv1.RefreshTokenRequest{RefreshToken: token, RequestId: request})
	return answer.GetTokens(), err
}

// mustRefresh exchanges a refresh token for the next one.
func (v visitor) mustRefresh(token string) *userv1.Tokens {
	v.Helper()
	tokens, err := v.refresh(token, "")
	if err != nil {
		v.Fatalf("refreshing: %v", err)
	}
	if tokens.GetRefreshToken() == token || tokens.GetRefreshToken() == "" || tokens.GetAccessToken() == "" {
		v.Errorf("refreshing gives %v", tokens)
	}
	return tokens
}

func (v visitor) wantEnded(token string) {
	v.Helper()
	if _, err := v.refresh(token, ""); codeOf(err) != unknown {
		v.Errorf("refreshing: got %v, want UNAUTHENTICATED", err)
	}
}

func (v visitor) valid(token string) bool {
	v.Helper()
	answer, err := v.users.ValidateToken(v.Context(), &userv1.ValidateTokenRequest{Token: token})
	if err != nil {
		v.Fatalf("validating: %v", err)
	}
	return answer.GetValid()
}

// A refresh token is good once. One that comes again ends its log-in, and no other.
func TestRefreshTokens(t *testing.T) {
	p := shared(t)
	user := p.Register(t)

	t.Run("one after the other", func(t *testing.T) {
		v := visit(t, p)
		tokens := v.logIn(user.Account)
		for range 5 {
			tokens = v.mustRefresh(tokens.GetRefreshToken())
			if !v.valid(tokens.GetAccessToken()) {
				t.Error("the refreshed access token is no good")
			}
		}
	})
	t.Run("a spent one ends the log-in, and no other", func(t *testing.T) {
		v := visit(t, p)
		first, other := v.logIn(user.Account), v.logIn(user.Account)
		second := v.mustRefresh(first.GetRefreshToken())
		third := v.mustRefresh(second.GetRefreshToken())
		v.wantEnded(first.GetRefreshToken())
		v.wantEnded(third.GetRefreshToken())
		v.mustRefresh(other.GetRefreshToken())
	})
	t.Run("a repeated call is answered as the first", func(t *testing.T) {
		v := visit(t, p)
		first := v.logIn(user.Account)
		request := freight.RequestID()
		var next []string
		for range 3 {
			tokens, err := v.refresh(first.GetRefreshToken(), request)
			if err != nil {
				t.Fatalf("the repeat of a call: %v", err)
			}
			next = append(next, tokens.GetRefreshToken())
		}
		if next = slices.Compact(next); len(next) != 1 {
			t.Errorf("the repeats give %d refresh tokens, want one", len(next))
		}
		v.mustRefresh(next[0])
	})
	t.Run("with another request_id it is no repeat", func(t *testing.T) {
		v := visit(t, p)
		first := v.logIn(user.Account)
		second, err := v.refresh(first.GetRefreshToken(), freight.RequestID())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.refresh(first.GetRefreshToken(), freight.RequestID()); codeOf(err) != unknown {
			t.Errorf("got %v, want UNAUTHENTICATED", err)
		}
		v.wantEnded(second.GetRefreshToken())
	})
	t.Run("a repeat of an older call is no repeat", func(t *testing.T) {
		v := visit(t, p)
		first := v.logIn(user.Account)
		request := freight.RequestID()
		second, err := v.refresh(first.GetRefreshToken(), request)
		if err != nil {
			t.Fatal(err)
		}
		third := v.mustRefresh(second.GetRefreshToken())
		if _, err := v.refresh(first.GetRefreshToken(), request); codeOf(err) != unknown {
			t.Errorf("got %v, want UNAUTHENTICATED", err)
		}
		v.wantEnded(third.GetRefreshToken())
	})
	t.Run("many at once with one request_id get the same", func(t *testing.T) {
		v := visit(t, p)
		first, request := v.logIn(user.Account), freight.RequestID()
		next, errs := atOnce(20, func(int) (string, error) {
			tokens, err := v.refresh(first.GetRefreshToken(), request)
			return tokens.GetRefreshToken(), err
		})
		for i, err := range errs {
			if err != nil || next[i] != next[0] {
				t.Errorf("call %d: %v, the same as the first: %t", i, err, next[i] == next[0])
			}
		}
	})
	t.Run("of many at once at most one succeeds", func(t *testing.T) {
		v := visit(t, p)
		first := v.logIn(user.Account)
		next, errs := atOnce(20, func(int) (string, error) {
			tokens, err := v.refresh(first.GetRefreshToken(), freight.RequestID())
			return tokens.GetRefreshToken(), err
		})
		succeeded := 0
		for i, err := range errs {
			switch codeOf(err) {
			case codes.OK:
				succeeded++
				v.wantEnded(next[i])
			case unknown:
			default:
				t.Errorf("call %d: %v", i, err)
			}
		}
		if succeeded > 1 {
			t.Errorf("%d succeeded", succeeded)
		}
	})
	t.Run("what is none of ours", func(t *testing.T) {
		v := visit(t, p)
		good := v.logIn(user.Account).GetRefreshToken()
		for i := range good {
			if i%7 > 0 {
				continue
			}
			spoiled := []byte(good)
			spoiled[i] ^= 1
			if _, err := v.refresh(string(spoiled), ""); codeOf(err) != unknown && codeOf(err) != codes.InvalidArgument {
				t.Errorf("character %d changed: %v", i, err)
			}
		}
		v.wantEnded("rubbish")
		v.mustRefresh(good) // the attempts did it no harm
	})
}

// atOnce makes calls at the same moment.
func atOnce[T any](n int, call func(i int) (T, error)) ([]T, []error) {
	answers, errs := make([]T, n), make([]error, n)
	gun := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-gun
			answers[i], errs[i] = call(i)
		})
	}
	close(gun)
	wg.Wait()
	return answers, errs
}

func TestLogOut(t *testing.T) {
	p := shared(t)
	t.Run("one log-in, by its refresh token", func(t *testing.T) {
		v, user := visit(t, p), p.Register(t)
		one, other := v.logIn(user.Account), v.logIn(user.Account)
		for range 2 {
			if _, err := v.users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{RefreshToken: one.GetRefreshToken()}); err != nil {
				t.Errorf("logging out: %v", err)
			}
		}
		v.wantEnded(one.GetRefreshToken())
		v.mustRefresh(other.GetRefreshToken())
	})
	t.Run("by a refresh token that was spent", func(t *testing.T) {
		v, user := visit(t, p), p.Register(t)
		first := v.logIn(user.Account)
		second := v.mustRefresh(first.GetRefreshToken())
		if _, err := v.users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{RefreshToken: first.GetRefreshToken()}); err != nil {
			t.Errorf("logging out: %v", err)
		}
		v.wantEnded(second.GetRefreshToken())
	})
	for name, id := range map[string]func(user platform.User) string{
		"everywhere":          func(platform.User) string { return "me" },
		"everywhere, by name": func(user platform.User) string { return user.UserID },
	} {
		t.Run(name, func(t *testing.T) {
			v, user := visit(t, p), p.Register(t)
			wantLoggedOut(t, v, user, user.Caller, id(user))
		})
	}
	t.Run("everywhere, by an admin", func(t *testing.T) {
		v, user := visit(t, p), p.Register(t)
		wantLoggedOut(t, v, user, p.As(t, platform.Admin), user.UserID)
	})
	t.Run("nothing, or both, or nobody", func(t *testing.T) {
		v, user := visit(t, p), p.Register(t)
		users := user.Client(t).Users
		for _, request := range []*userv1.RevokeTokensRequest{
			{}, {UserId: "me", RefreshToken: user.Tokens.GetRefreshToken()}, {RefreshToken: "rubbish"},
		} {
			if _, err := users.RevokeTokens(t.Context(), request); codeOf(err) != codes.InvalidArgument {
				t.Errorf("%v: got %v, want INVALID_ARGUMENT", request, err)
			}
		}
		_, err := p.As(t, platform.Admin).Client(t).Users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{UserId: "nobody"})
		freight.Refused(t, err, codes.NotFound)
		v.mustRefresh(user.Tokens.GetRefreshToken())
	})
}

// wantLoggedOut logs a user out everywhere and wants that to be so, and a new log-in to be good.
func wantLoggedOut(t *testing.T, v visitor, user platform.User, by platform.Caller, id string) {
	t.Helper()
	another := v.logIn(user.Account)
	_, claims := platform.Parts(t, another.GetAccessToken())
	issued, _ := claims["iat"].(float64)
	platform.Wait(t, 5*time.Second, func() error { // tokens tell their time to the second
		if time.Now().Unix() == int64(issued) {
			return fmt.Errorf("it is still the second of the log-in")
		}
		return nil
	})
	for range 2 {
		if _, err := by.Client(t).Users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{UserId: id}); err != nil {
			t.Fatalf("logging out: %v", err)
		}
	}
	for _, tokens := range []*userv1.Tokens{user.Tokens, another} {
		v.wantEnded(tokens.GetRefreshToken())
		if v.valid(tokens.GetAccessToken()) {
			t.Error("an access token of before is said to be valid")
		}
	}
	again := v.logIn(user.Account)
	v.mustRefresh(again.GetRefreshToken())
	platform.Wait(t, 5*time.Second, func() error {
		if !v.valid(v.logIn(user.Account).GetAccessToken()) {
			return fmt.Errorf("a new log-in is not valid")
		}
		return nil
	})
}

// Roles change with the next token, be it by a refresh or a log-in.
func TestRolesChangeWithTheNextToken(t *testing.T) {
	p := shared(t)
	v, user, admin := visit(t, p), p.Register(t), p.As(t, platform.Admin).Client(t).Users
	setRoles := func(roles ...userv1.Role) {
		t.Helper()
		answer, err := admin.SetRoles(t.Context(), &userv1.SetRolesRequest{Id: user.UserID, Roles: roles})
		if err != nil || !slices.Equal(answer.GetUser().GetRoles(), slices.Sorted(slices.Values(roles))) {
			t.Fatalf("setting roles %v: got %v, %v", roles, answer, err)
		}
	}
	stocks := func(tokens *userv1.Tokens) codes.Code { // which is for operators
		return codeOf(knock(t, p.With(tokens.GetAccessToken()).Client(t), "/seaport.inventory.v1.InventoryService/StockDepot"))
	}
	tokens := user.Tokens
	setRoles(userv1.Role_ROLE_OPERATOR, userv1.Role_ROLE_CUSTOMER)
	if got := stocks(tokens); got != denied {
		t.Errorf("with the token of before: %s, want PERMISSION_DENIED", got)
	}
	tokens = v.mustRefresh(tokens.GetRefreshToken())
	if got := stocks(tokens); got != invalid {
		t.Errorf("with the refreshed token: %s, want INVALID_ARGUMENT, as it is empty", got)
	}
	setRoles()
	if got := stocks(v.mustRefresh(tokens.GetRefreshToken())); got != denied {
		t.Errorf("without a role, refreshed: %s, want PERMISSION_DENIED", got)
	}
	if got := stocks(v.logIn(user.Account)); got != denied {
		t.Errorf("without a role, logged in: %s, want PERMISSION_DENIED", got)
	}

	t.Run("bad requests", func(t *testing.T) {
		for name, test := range map[string]struct {
			request *userv1.SetRolesRequest
			code    codes.Code
			field   string
		}{
			"an unspecified role": {&userv1.SetRolesRequest{Id: user.UserID, Roles: []userv1.Role{0}}, codes.InvalidArgument, "roles"},
			"an unknown role":     {&userv1.SetRolesRequest{Id: user.UserID, Roles: []userv1.Role{77}}, codes.InvalidArgument, "roles"},
			"a role twice":        {&userv1.SetRolesRequest{Id: user.UserID, Roles: []userv1.Role{1, 1}}, codes.InvalidArgument, "roles"},
			"nobody":              {&userv1.SetRolesRequest{Id: "nobody"}, codes.NotFound, "id"},
			"no id":               {&userv1.SetRolesRequest{}, codes.InvalidArgument, "id"},
			"an id with ||":       {&userv1.SetRolesRequest{Id: "a||b"}, codes.InvalidArgument, "id"},
		} {
			_, err := admin.SetRoles(t.Context(), test.request)
			if v := freight.Violations(err); codeOf(err) != test.code || len(v) != 1 || v[0].Field != test.field {
				t.Errorf("%s: got %v, naming %+v, want %s naming %s", name, err, v, test.code, test.field)
			}
		}
	})
	t.Run("an admin stays one", func(t *testing.T) {
		_, err := admin.SetRoles(t.Context(), &userv1.SetRolesRequest{Id: p.Account(t, platform.Admin).UserID, Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER}})
		freight.Refused(t, err, codes.FailedPrecondition)
		if v := freight.Violations(err); len(v) != 1 || v[0].Type != "LAST_ADMIN" {
			t.Errorf("the refusal names %+v, want LAST_ADMIN", v)
		}
	})
}

// What is answered to a wrong password and to an unknown address is the same to the last word, at
// every door.
func TestLogInDoesNotTellWhoExists(t *testing.T) {
	p := shared(t)
	user, stranger := p.Register(t), platform.NewAccount()
	var said [][]string
	for _, email := range []string{user.Email, stranger.Email} {
		request := &userv1.AuthRequest{Email: email, Password: "wrong-" + stranger.Password}
		_, err := p.Nobody().Client(t).Users.Auth(t.Context(), request)
		freight.Refused(t, err, unknown)
		answer := p.Nobody().REST(t, "POST", "/v1/tokens", fmt.Appendf(nil, `{"email": %q, "password": %q}`, email, request.GetPassword()))
		if answer.Status != 401 {
			t.Errorf("REST: answered %d, want 401", answer.Status)
		}
		answer.Header.Del("Date")
		answer.Header.Del("X-Request-Id")
		out := p.CLIAt(t, t.TempDir(), request.GetPassword()+"\n", "login", "--email", email)
		if out.Exit != 1 {
			t.Errorf("command line: exit %d, %s", out.Exit, out.Stderr)
		}
		details := status.Convert(err).Proto()
		said = append(said, []string{prototext.Format(details), fmt.Sprint(answer.Status, answer.Header, string(answer.Body)), out.Stdout, strings.ReplaceAll(out.Stderr, email, "ADDRESS")})
	}
	if !slices.Equal(said[0], said[1]) {
		t.Errorf("for a user it says\n%q\nfor a stranger\n%q", said[0], said[1])
	}
}

// BenchmarkLogIn measures refused log-ins of users and of strangers. The times must overlap: log
// what part of the strangers' attempts takes longer than the users' median (half of them would).
func BenchmarkLogIn(b *testing.B) {
	p := shared(b)
	account := platform.NewAccount()
	users := p.Nobody().Client(b).Users
	if _, err := users.Create(b.Context(), &userv1.CreateRequest{Name: "A customer", Email: account.Email, Password: account.Password}); err != nil {
		b.Fatal(err)
	}
	try := func(email string) time.Duration {
		began := time.Now()
		if _, err := users.Auth(b.Context(), &userv1.AuthRequest{Email: email, Password: "wrong-" + account.Password}); codeOf(err) != unknown {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var known, strange []time.Duration
	for i := 0; b.Loop(); i++ {
		// In turns, or what the one leaves behind (garbage, say) is always paid by the other.
		if i%2 == 0 {
			known = append(known, try(account.Email))
		}
		strange = append(strange, try(platform.NewAccount().Email))
		if i%2 == 1 {
			known = append(known, try(account.Email))
		}
	}
	slices.Sort(known)
	slices.Sort(strange)
	median := known[len(known)/2]
	longer := len(strange) - slices.IndexFunc(append(strange, 1<<62), func(d time.Duration) bool { return d > median })
	b.ReportMetric(float64(median.Microseconds()), "µs/known")
	b.ReportMetric(float64(strange[len(strange)/2].Microseconds()), "µs/unknown")
	b.ReportMetric(float64(longer)/float64(len(strange)), "longer-than-known")
}
