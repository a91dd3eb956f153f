package user_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/user/internal/user"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	w := newWorld()
	want := user.User{
		ID: "id1", Name: "Kane", Company: "Salty Secrets", Email: "kane@example.com", Roles: []user.Role{user.Customer},
		CreateTime: noon, UpdateTime: noon,
	}
	if got := w.register(t); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(w.users["id1"], want) {
		t.Errorf("created %+v, stored %+v; want %+v", got, w.users["id1"], want)
	}
	if c := w.credentials["id1"]; c.Hash != hashOf(kane().Password) || c.Request != "" {
		t.Errorf("the credential is %q of request %q", c.Hash, c.Request)
	}
	other := kane()
	other.Email = "KANE@EXAMPLE.COM"
	_, err := w.Users.Create(t.Context(), other)
	wantFailure(t, "again", err, "AlreadyExists", "email")
	if len(w.hashes) != 1 {
		t.Errorf("%d hashes for a registration and one that is refused", len(w.hashes))
	}
	if _, err = w.Users.Create(t.Context(), user.Registration{}); err == nil || len(w.hashes) != 1 || len(w.reads) != 2 {
		t.Errorf("nothing at all: %v, after %d hashes and %d reads", err, len(w.hashes), len(w.reads))
	}
}

// The same registration gets the same user; another with the same request id or address does not.
func TestCreateAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	first := kane()
	first.RequestID = "r1"
	u, err := w.Users.Create(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(r *user.Registration)
		same   bool
	}{
		"the same":               {func(*user.Registration) {}, true},
		"the same, other case":   {func(r *user.Registration) { r.Email = "KANE@example.com" }, true},
		"no request id":          {func(r *user.Registration) { r.RequestID = "" }, false},
		"another request id":     {func(r *user.Registration) { r.RequestID = "r2" }, false},
		"another name":           {func(r *user.Registration) { r.Name = "Able" }, false},
		"another company":        {func(r *user.Registration) { r.Company = "" }, false},
		"another password":       {func(r *user.Registration) { r.Password = "something else" }, false},
		"the parts told apart":   {func(r *user.Registration) { r.RequestID, r.Name = "r1K", "ane" }, false},
		"request id in the name": {func(r *user.Registration) { r.RequestID, r.Name = "", "r1Kane" }, false},
	} {
		r := first
		c.change(&r)
		got, err := w.Users.Create(t.Context(), r)
		switch {
		case !c.same:
			wantFailure(t, name, err, "AlreadyExists", "email")
		case err != nil || !reflect.DeepEqual(got, u):
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, u)
		}
	}
	if len(w.users) != 1 {
		t.Errorf("%d users", len(w.users))
	}
}

// Somebody else may be quicker between the look and the claim; that may have been the same call.
func TestCreateOvertaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		credential user.Credential
		code       string
	}{
		"by another":  {user.Credential{Hash: "other"}, "AlreadyExists"},
		"by the same": {code: "OK"},
	} {
		w := newWorld()
		r := kane()
		r.RequestID = "r1"
		if c.code == "OK" { // take what the same call stores elsewhere
			elsewhere := newWorld()
			if _, err := elsewhere.Users.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			c.credential = elsewhere.credentials["id1"]
		}
		w.registering = func(u *user.User) error {
			w.users["rival"], w.credentials["rival"] = user.User{ID: "rival", Email: u.Email}, c.credential
			return user.ErrTaken
		}
		u, err := w.Users.Create(t.Context(), r)
		if c.code != "OK" {
			wantFailure(t, name, err, c.code, "email")
		} else if err != nil || u.ID != "rival" {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

// What fails behind the use-case is passed on, and is neither a success nor "exists".
func TestCreateFails(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.finding = func() error { return errAway }
	if _, err := w.Users.Create(t.Context(), kane()); !errors.Is(err, errAway) {
		t.Errorf("not read: %v", err)
	}
	w.finding = nil
	w.registering = func(*user.User) error { return failure.Unavailable(errAway, "try again") }
	_, err := w.Users.Create(t.Context(), kane())
	wantFailure(t, "not stored", err, "Unavailable")
}

func TestGet(t *testing.T) {
	t.Parallel()
	w := newWorld()
	u := w.register(t)
	for name, c := range map[string]struct {
		owner, id, code string
		field           []string
	}{
		"oneself":             {owner: u.ID, id: u.ID, code: "OK"},
		"anybody":             {id: u.ID, code: "OK"},
		"another":             {owner: "id9", id: u.ID, code: "NotFound", field: []string{"id"}},
		"nobody":              {id: "id9", code: "NotFound", field: []string{"id"}},
		"oneself, but gone":   {owner: "id9", id: "id9", code: "NotFound", field: []string{"id"}},
		"nothing":             {code: "InvalidArgument", field: []string{"id"}},
		"separator of keys":   {id: "a||b", code: "InvalidArgument", field: []string{"id"}},
		"not an id, but text": {id: "a/b", code: "NotFound", field: []string{"id"}},
	} {
		got, err := w.Users.Get(t.Context(), c.owner, c.id)
		if c.code != "OK" {
			wantFailure(t, name, err, c.code, c.field...)
		} else if err != nil || !reflect.DeepEqual(got, u) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// Another's is refused as what is not there.
	_, others := w.Users.Get(t.Context(), "id9", "id1")
	_, nobodys := w.Users.Get(t.Context(), "", "id1x")
	if others == nil || others.Error()+"x" != nobodys.Error() {
		t.Errorf("%v differs from %v", others, nobodys)
	}
}

func TestSetRoles(t *testing.T) {
	t.Parallel()
	const c, o, a = user.Customer, user.Operator, user.Admin
	for name, k := range map[string]struct {
		caller, id string
		roles      []user.Role
		want       []user.Role
		code       string
		field      []string
	}{
		"operator":              {"boss", "id1", []user.Role{o}, []user.Role{o}, "OK", nil},
		"all, sorted":           {"boss", "id1", []user.Role{a, o, c}, []user.Role{c, o, a}, "OK", nil},
		"none":                  {"boss", "id1", nil, nil, "OK", nil},
		"twice":                 {"boss", "id1", []user.Role{o, c, o}, nil, "InvalidArgument", []string{"roles"}},
		"unspecified":           {"boss", "id1", []user.Role{o, ""}, nil, "InvalidArgument", []string{"roles"}},
		"no user":               {"boss", "id9", []user.Role{o}, nil, "NotFound", []string{"id"}},
		"no id":                 {"boss", "", []user.Role{o}, nil, "InvalidArgument", []string{"id"}},
		"admin stays one":       {"id1", "id1", []user.Role{o, a}, []user.Role{o, a}, "OK", nil},
		"admin gives up":        {"id1", "id1", []user.Role{o}, nil, "FailedPrecondition", []string{"roles"}},
		"nobody knows who asks": {"", "id1", []user.Role{o}, []user.Role{o}, "OK", nil},
	} {
		w := newWorld()
		before := w.register(t)
		w.pass(time.Hour)
		u, err := w.Users.SetRoles(t.Context(), k.caller, k.id, k.roles)
		if k.code != "OK" {
			wantFailure(t, name, err, k.code, k.field...)
			if !reflect.DeepEqual(w.users["id1"], before) {
				t.Errorf("%s: stored %+v all the same", name, w.users["id1"])
			}
			continue
		}
		want := before
		want.Roles, want.UpdateTime = k.want, noon.Add(time.Hour)
		if err != nil || !reflect.DeepEqual(u, want) || !reflect.DeepEqual(w.users["id1"], want) {
			t.Errorf("%s: %+v, %v; stored %+v; want %+v", name, u, err, w.users["id1"], want)
		}
		w.pass(time.Hour)
		if again, err := w.Users.SetRoles(t.Context(), k.caller, k.id, k.roles); err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s again: %+v, %v", name, again, err)
		}
	}
}

func TestLastAdminIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	_, err := w.Users.SetRoles(t.Context(), "id1", "id1", nil)
	if v := failure.From(err).Violations(); len(v) != 1 || v[0].Type != user.LastAdmin {
		t.Errorf("refused with %+v", v)
	}
}
