package user_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"seaport.example/services/user/internal/user"
)

// login registers kane and logs in.
func (w *world) login(t *testing.T) (user.User, user.Tokens) {
	t.Helper()
	w.register(t)
	tokens, u, err := w.Logins.Begin(t.Context(), "kane@example.com", kane().Password)
	if err != nil {
		t.Fatal(err)
	}
	w.hashes, w.reads = nil, nil
	return u, tokens
}

// A log-in costs one read and one hash, right or wrong, known or not, and what is wrong is not told.
func TestBegin(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.login(t)
	var answers []string
	for name, c := range map[string]struct{ email, password, hash string }{
		"wrong password":  {"kane@example.com", "something else", hashOf(kane().Password)},
		"unknown address": {"able@example.com", kane().Password, ""},
		"short password":  {"kane@example.com", "a", hashOf(kane().Password)},
		"right":           {" KANE@example.com ", kane().Password, hashOf(kane().Password)},
	} {
		w.hashes, w.reads = nil, nil
		tokens, u, err := w.Logins.Begin(t.Context(), c.email, c.password)
		if !slices.Equal(w.hashes, []string{c.hash}) || len(w.reads) != 1 {
			t.Errorf("%s: compared with %q after %d reads", name, w.hashes, len(w.reads))
		}
		if name == "right" {
			if err != nil || u.ID != "id1" || !strings.HasPrefix(tokens.Access, "id1[customer]0.") ||
				!tokens.AccessExpires.Equal(noon.Add(time.Minute)) || !tokens.RefreshExpires.Equal(noon.Add(24*time.Hour)) {
				t.Errorf("log-in: %+v, %+v, %v", u, tokens, err)
			}
			continue
		}
		wantFailure(t, name, err, "Unauthenticated")
		answers = append(answers, err.Error())
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("the answers differ: %q", answers)
	}
}

// What cannot be a log-in is refused for what it is, before anything stored is looked at.
func TestBeginOfNonsense(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		email, password string
		fields          []string
	}{
		"nothing":           {"", "", []string{"email", "password"}},
		"no such address":   {"a!b", "x", []string{"email"}},
		"no such password":  {"kane@example.com", "x!", []string{"password"}},
		"megabyte address":  {strings.Repeat("a", 1<<20), "x", []string{"email"}},
		"megabyte password": {"kane@example.com", strings.Repeat("a", 1<<20), []string{"password"}},
	} {
		w := newWorld()
		_, _, err := w.Logins.Begin(t.Context(), c.email, c.password)
		wantFailure(t, name, err, "InvalidArgument", c.fields...)
		if len(w.hashes)+len(w.reads) > 0 {
			t.Errorf("%s: it cost %d hashes and %d reads", name, len(w.hashes), len(w.reads))
		}
	}
}

func TestBeginFails(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.register(t)
	for name, inject := range map[string]func(err error){
		"not read":    func(err error) { w.finding = func() error { return err } },
		"not signed":  func(err error) { w.minting = func() error { return err } },
		"not written": func(err error) { w.writing = func(string) error { return err } },
	} {
		w.finding, w.minting, w.writing = nil, nil, nil
		inject(errAway)
		if _, _, err := w.Logins.Begin(t.Context(), "kane@example.com", kane().Password); !errors.Is(err, errAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	w.pass(time.Hour)
	second, err := w.Logins.Refresh(t.Context(), first.Refresh, "")
	if err != nil || second.Refresh == first.Refresh || second.Access == first.Access ||
		!second.RefreshExpires.Equal(noon.Add(25*time.Hour)) || !second.AccessExpires.Equal(noon.Add(61*time.Minute)) {
		t.Fatalf("the second pair: %+v, %v", second, err)
	}
	if _, err := w.Users.SetRoles(t.Context(), "boss", "id1", []user.Role{user.Operator}); err != nil {
		t.Fatal(err)
	}
	third, err := w.Logins.Refresh(t.Context(), second.Refresh, "")
	if err != nil || !strings.HasPrefix(third.Access, "id1[operator]") {
		t.Errorf("the third pair has old roles: %s, %v", third.Access, err)
	}
	if len(w.hashes) > 0 {
		t.Errorf("a refresh costs %d hashes", len(w.hashes))
	}
}

// A refresh token that comes again ends its log-in, and no other.
func TestReuse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request, again string        // request ids
		after          time.Duration // until it comes again
		between        int           // exchanges in between
		repeat         bool          // it is a repeat, and answered
	}{
		"the same request":                {request: "r", again: "r", after: 59 * time.Second, repeat: true},
		"the same request, late":          {request: "r", again: "r", after: time.Minute},
		"the same request, two exchanges": {request: "r", again: "r", between: 1},
		"another request":                 {request: "r", again: "s"},
		"no request id":                   {},
		"request id only then":            {again: "r"},
		"request id only before":          {request: "r"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			_, first := w.login(t)
			other, _, err := w.Logins.Begin(t.Context(), "kane@example.com", kane().Password)
			if err != nil {
				t.Fatal(err)
			}
			next, err := w.Logins.Refresh(t.Context(), first.Refresh, c.request)
			if err != nil {
				t.Fatal(err)
			}
			for range c.between {
				if next, err = w.Logins.Refresh(t.Context(), next.Refresh, c.request); err != nil {
					t.Fatal(err)
				}
			}
			w.pass(c.after)
			again, err := w.Logins.Refresh(t.Context(), first.Refresh, c.again)
			if c.repeat {
				if err != nil || again.Refresh != next.Refresh || !again.RefreshExpires.Equal(next.RefreshExpires) {
					t.Errorf("the repeat got %+v, %v; first %+v", again, err, next)
				}
			} else {
				wantFailure(t, "again", err, "Unauthenticated")
				if !strings.Contains(w.log.String(), "user=id1") {
					t.Errorf("it is not in the log: %s", w.log.String())
				}
			}
			_, err = w.Logins.Refresh(t.Context(), next.Refresh, "")
			if (err == nil) != c.repeat {
				t.Errorf("the token that was good: %v", err)
			}
			if _, err := w.Logins.Refresh(t.Context(), other.Refresh, ""); err != nil {
				t.Errorf("the other log-in: %v", err)
			}
		})
	}
}

// Two with the same token at the same time: one of them gets the next, and the log-in ends.
func TestReuseAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	answers := make(chan error)
	for range 2 {
		go func() {
			_, err := w.Logins.Refresh(context.Background(), first.Refresh, "")
			answers <- err
		}()
	}
	one, two := <-answers, <-answers
	if (one == nil) == (two == nil) {
		t.Errorf("both got %v, %v", one, two)
	}
	if !w.sessions["id2"].Revoked {
		t.Errorf("the log-in goes on: %+v", w.sessions)
	}
}

// A store that wrote and does not know it has the change made again: that is no thief.
func TestRefreshKnowsItsOwnWrite(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"", "r"} {
		w := newWorld()
		_, first := w.login(t)
		times := 0
		w.again = func(string) bool { times++; return times == 1 }
		next, err := w.Logins.Refresh(t.Context(), first.Refresh, request)
		if err != nil || times != 2 {
			t.Fatalf("request %q: %v after %d writes", request, err, times)
		}
		if _, err := w.Logins.Refresh(t.Context(), next.Refresh, ""); err != nil {
			t.Errorf("request %q: the next token: %v", request, err)
		}
	}
}

// The answer is lost on its way; the repeat of the call gets it.
func TestRefreshWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	w.writing = func(string) error { return errAway }
	if _, err := w.Logins.Refresh(t.Context(), first.Refresh, "r"); !errors.Is(err, errAway) {
		t.Fatalf("Refresh = %v", err)
	}
	w.writing = nil
	next, err := w.Logins.Refresh(t.Context(), first.Refresh, "r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Logins.Refresh(t.Context(), next.Refresh, "r2"); err != nil {
		t.Error(err)
	}
}

// What fails before the exchange leaves the token good, even without a request id.
func TestRefreshFailsEarly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	w.minting = func() error { return errAway }
	if _, err := w.Logins.Refresh(t.Context(), first.Refresh, ""); !errors.Is(err, errAway) {
		t.Fatalf("Refresh = %v", err)
	}
	w.minting = nil
	if _, err := w.Logins.Refresh(t.Context(), first.Refresh, ""); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestRefreshOfNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	for name, c := range map[string]struct {
		raw, request, code string
		field              []string
	}{
		"nothing":                   {"", "", "InvalidArgument", []string{"refresh_token"}},
		"long request id":           {first.Refresh, strings.Repeat("r", 129), "InvalidArgument", []string{"request_id"}},
		"garbage":                   {"garbage", "", "Unauthenticated", nil},
		"no such log-in":            {"id99/0", "", "Unauthenticated", nil},
		"a number not given so far": {"id2/7", "", "Unauthenticated", nil},
	} {
		_, err := w.Logins.Refresh(t.Context(), c.raw, c.request)
		wantFailure(t, name, err, c.code, c.field...)
	}
	if len(w.sessions) != 1 {
		t.Errorf("stored %+v", w.sessions)
	}
	if _, err := w.Logins.Refresh(t.Context(), first.Refresh, ""); err != nil {
		t.Errorf("all that ended the log-in: %v", err)
	}
}

func TestRefreshExpires(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	w.pass(24*time.Hour - 1)
	second, err := w.Logins.Refresh(t.Context(), first.Refresh, "")
	if err != nil {
		t.Fatalf("just in time: %v", err)
	}
	w.pass(24 * time.Hour)
	_, err = w.Logins.Refresh(t.Context(), second.Refresh, "")
	wantFailure(t, "too late", err, "Unauthenticated")
}

func TestEnd(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	other, _, err := w.Logins.Begin(t.Context(), "kane@example.com", kane().Password)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Logins.Refresh(t.Context(), first.Refresh, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{first.Refresh, second.Refresh, first.Refresh, "id99/0"} { // a spent one too, and again
		if err := w.Logins.End(t.Context(), raw); err != nil {
			t.Errorf("log-out with %s: %v", raw, err)
		}
	}
	wantFailure(t, "garbage", w.Logins.End(t.Context(), "garbage"), "InvalidArgument", "refresh_token")
	_, err = w.Logins.Refresh(t.Context(), second.Refresh, "")
	wantFailure(t, "after the log-out", err, "Unauthenticated")
	if _, err := w.Logins.Refresh(t.Context(), other.Refresh, ""); err != nil {
		t.Errorf("the other log-in: %v", err)
	}
	if s := w.sessions["id99"]; s != (user.Session{}) {
		t.Errorf("something came of a log-out from nowhere: %+v", s)
	}
}

// All log-ins end at once, to the very moment: one after that is good, however soon.
func TestEndAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	u, before := w.login(t)
	stands := func(access string) bool {
		t.Helper()
		_, id, _ := strings.Cut(access, "]")
		ok, err := w.Logins.Stands(t.Context(), u.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !stands(before.Access) {
		t.Error("a fresh token does not stand")
	}
	for range 3 {
		if err := w.Logins.EndAll(t.Context(), u.ID, u.ID); err != nil {
			t.Fatal(err)
		}
		after, _, err := w.Logins.Begin(t.Context(), "kane@example.com", kane().Password)
		if err != nil {
			t.Fatal(err)
		}
		if stands(before.Access) {
			t.Error("a token from before stands")
		}
		_, err = w.Logins.Refresh(t.Context(), before.Refresh, "")
		wantFailure(t, "a log-in from before", err, "Unauthenticated")
		if !stands(after.Access) {
			t.Error("a token from after does not stand")
		}
		if before, err = w.Logins.Refresh(t.Context(), after.Refresh, ""); err != nil {
			t.Errorf("a log-in from after: %v", err)
		}
	}
}

func TestWhoEndsAll(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.login(t)
	wantFailure(t, "another's", w.Logins.EndAll(t.Context(), "id9", "id1"), "NotFound", "user_id")
	wantFailure(t, "nobody's", w.Logins.EndAll(t.Context(), "", "id9"), "NotFound", "user_id")
	wantFailure(t, "a key's", w.Logins.EndAll(t.Context(), "", "a||b"), "InvalidArgument", "user_id")
	if w.users["id1"].Epoch != 0 || len(w.users) != 1 {
		t.Errorf("stored %+v", w.users)
	}
	if err := w.Logins.EndAll(t.Context(), "", "id1"); err != nil {
		t.Errorf("by an admin: %v", err)
	}
}

func TestStands(t *testing.T) {
	t.Parallel()
	w := newWorld()
	u, _ := w.login(t)
	for name, c := range map[string]struct {
		user, id string
		want     bool
	}{
		"of this epoch":    {u.ID, "0.x", true},
		"of another":       {u.ID, "1.x", false},
		"of none":          {u.ID, "0", false},
		"without an id":    {u.ID, "", false},
		"of nobody":        {"id9", "0.x", false},
		"of nobody at all": {"", "0.x", false},
	} {
		if got, err := w.Logins.Stands(t.Context(), c.user, c.id); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// The log tells of a stolen token without telling the token.
func TestLogHidesTokens(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, first := w.login(t)
	if _, err := w.Logins.Refresh(t.Context(), first.Refresh, "request"); err != nil {
		t.Fatal(err)
	}
	_, err := w.Logins.Refresh(t.Context(), first.Refresh, "another")
	wantFailure(t, "the spent token", err, "Unauthenticated")
	if text := w.log.String(); text == "" || strings.Contains(text, first.Refresh) || strings.Contains(text, "another") {
		t.Errorf("the log says %q", text)
	}
}
