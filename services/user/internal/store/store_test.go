package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/user/internal/store"
	"seaport.example/services/user/internal/user"
)

// The tests here run in a bubble (testing/synctest): time passes when everybody waits.

// replica is one process of the service.
type replica struct {
	*store.Store
	of *sidecar.Sidecar
}

// start runs a replica until the test ends.
func start(t *testing.T, fake *sidecartest.Fake) *replica {
	t.Helper()
	r := &replica{of: fake.Sidecar(t)}
	r.Store = store.New(store.Config{
		State: r.of.State(sidecartest.StateStore), Publisher: r.of.Publisher(sidecartest.PubSub),
		Lease: 2 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		time.Sleep(15 * time.Second) // what is tried until it succeeds now does
	})
	sidecartest.Await(t, "a replica gets its seat", func() bool { return r.Ready(ctx) == nil })
	return r
}

const secret = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"

func kane(id string) (*user.User, user.Credential) {
	now := time.Now().UTC()
	return &user.User{
		ID: id, Name: "Kane", Company: "Salty Secrets", Email: "kane@example.com", Roles: []user.Role{user.Customer},
		CreateTime: now, UpdateTime: now,
	}, user.Credential{Hash: secret, Request: "fingerprint"}
}

// register registers kane under an id.
func (r *replica) register(ctx context.Context, id string) error {
	u, c := kane(id)
	return r.Register(ctx, u, c)
}

// addressKey is the key of kane's address, made by hand.
func addressKey() string {
	sum := sha256.Sum256([]byte("kane@example.com"))
	return "email/" + hex.EncodeToString(sum[:])
}

func code(err error) string {
	if errors.Is(err, user.ErrTaken) {
		return "taken"
	}
	if err == nil {
		return "OK"
	}
	return failure.From(err).Code().String()
}

// want demands the outcome of a registration, and how many users there are then.
func want(t *testing.T, what string, fake *sidecartest.Fake, err error, outcome string, users int) {
	t.Helper()
	if code(err) != outcome {
		t.Errorf("%s: %v, want %s", what, err, outcome)
	}
	if rows := fake.Keys("user/"); len(rows) != users {
		t.Errorf("%s: stored %q", what, rows)
	}
}

func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, sidecartest.New()) })
}

func TestRegisterIsOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		var together []string
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Key: "user/", After: func(_ context.Context, call sidecartest.Call) error {
			together = call.Keys
			return nil
		}})
		if err := r.register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"user/id1", "credential/id1", addressKey(), "list/user/all/", "outbox/"} {
			if !slices.ContainsFunc(together, func(key string) bool { return strings.HasPrefix(key, prefix) }) {
				t.Errorf("%s is not in the transaction of %q", prefix, together)
			}
		}
		if claim := string(fake.Value(addressKey())); claim != `{"user":"id1"}` {
			t.Errorf("the address is %s", claim)
		}
		wantUser, wantCredential := kane("id1")
		u, c, err := r.Find(t.Context(), "kane@example.com")
		if err != nil || !reflect.DeepEqual(&u, wantUser) || c.Hash != wantCredential.Hash || c.Request != wantCredential.Request {
			t.Errorf("found %+v, %v; want %+v", u, err, wantUser)
		}
		if got, err := r.Get(t.Context(), "id1"); err != nil || !reflect.DeepEqual(&got, wantUser) {
			t.Errorf("got %+v, %v", got, err)
		}
		want(t, "again", fake, r.register(t.Context(), "id2"), "taken", 1)
	})
}

// The event tells who is new and nothing that proves it.
func TestEvent(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		if err := r.register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		sidecartest.Await(t, "the event is published", func() bool { return len(fake.Events()) == 1 })
		e := fake.Events()[0]
		u, err := r.Get(t.Context(), "id1")
		if err != nil {
			t.Fatal(err)
		}
		var payload eventv1.UserCreated
		if err := event.Decode(e, &payload); err != nil || e.ID != "id1.created" || e.Topic != event.UserCreated ||
			payload.GetUserId() != "id1" || payload.GetName() != "Kane" || payload.GetCompany() != "Salty Secrets" ||
			payload.GetEmail() != "kane@example.com" || !payload.GetCreateTime().AsTime().Equal(u.CreateTime) {
			t.Errorf("published %+v: %v, %v", e, &payload, err)
		}
		for _, key := range fake.Keys("") {
			if key != "credential/id1" && bytes.Contains(fake.Value(key), []byte(secret[:9])) {
				t.Errorf("the hash is in %s", key)
			}
		}
		if bytes.Contains(fake.Messages()[0].Data, []byte("argon2id")) {
			t.Error("the hash is in the event")
		}
	})
}

// Whoever asks for an address has the same read, known or not.
func TestFindReadsTheSame(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		if err := r.register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		pending, _ := kane("")
		pending.Email = "pending@example.com"
		sum := sha256.Sum256([]byte(pending.Email))
		fake.Set("email/"+hex.EncodeToString(sum[:]), []byte(`{"user":"id9","until":4102444800000}`))
		reads := make(map[string][]string)
		for _, address := range []string{"kane@example.com", "able@example.com", "pending@example.com"} {
			var calls []string
			var mu sync.Mutex
			remove := fake.Inject(sidecartest.Fault{Before: func(_ context.Context, call sidecartest.Call) error {
				mu.Lock()
				defer mu.Unlock()
				if call.Keys[0] != "seats" {
					calls = append(calls, fmt.Sprint(call.Op, len(call.Keys)))
				}
				return nil
			}})
			u, c, err := r.Find(t.Context(), address)
			remove()
			if known := address == "kane@example.com"; err != nil || u.Exists() != known || (c.Hash != "") != known {
				t.Errorf("%s: %+v, %v", address, u, err)
			}
			reads[address] = calls
		}
		for address, calls := range reads {
			if !slices.Equal(calls, []string{"get1", "get many2"}) {
				t.Errorf("%s reads %q", address, calls)
			}
		}
	})
}

func TestFindFails(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		if err := r.register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"email/", "credential/"} {
			remove := fake.Inject(sidecartest.Fault{Key: key, Before: sidecartest.Away})
			if u, _, err := r.Find(t.Context(), "kane@example.com"); code(err) != "Unavailable" || u.Exists() {
				t.Errorf("%s is not read: %+v, %v", key, u, err)
			}
			remove()
		}
		for _, key := range []string{addressKey(), "user/id1", "credential/id1"} {
			was := fake.Value(key)
			fake.Set(key, []byte("{"))
			if u, c, err := r.Find(t.Context(), "kane@example.com"); code(err) != "Internal" || u.Exists() || c.Hash != "" {
				t.Errorf("%s is broken: %+v, %v", key, u, err)
			}
			fake.Set(key, was)
		}
	})
}

// The newest first, through any replica, and without a look at what proves who they are.
func TestPage(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		replicas := []*replica{start(t, fake), start(t, fake)}
		var wanted []string
		for i := range 30 {
			time.Sleep(time.Millisecond)
			u, c := kane(fmt.Sprintf("id%02d", i))
			u.Email = u.ID + "@example.com"
			if err := replicas[i%2].Register(t.Context(), u, c); err != nil {
				t.Fatal(err)
			}
			wanted = append([]string{u.ID}, wanted...)
		}
		fake.Inject(sidecartest.Fault{Key: "credential/", Before: sidecartest.Away})
		var got []string
		for token := ""; ; {
			page, next, err := replicas[0].Page(t.Context(), 7, token)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range page {
				got = append(got, u.ID)
			}
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("listed %q", got)
		}
		if _, _, err := replicas[0].Page(t.Context(), 201, ""); code(err) != "InvalidArgument" {
			t.Errorf("201 on a page: %v", err)
		}
	})
}

// Who is not stored is not listed, not even by what is listed next.
func TestNobodyIsListed(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Key: "user/", Times: 1, Before: sidecartest.NotSent})
		want(t, "away", fake, r.register(t.Context(), "ghost"), "Unavailable", 0)
		want(t, "there", fake, r.register(t.Context(), "id1"), "OK", 1)
		for _, key := range fake.Keys("list/") {
			if list := string(fake.Value(key)); strings.Contains(list, "ghost") || !strings.Contains(list, "id1") {
				t.Errorf("%s is %s", key, list)
			}
		}
	})
}

// Two replicas change a user at once: both changes are there.
func TestUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		replicas := []*replica{start(t, fake), start(t, fake)}
		if err := replicas[0].register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				if _, err := replicas[i%2].Update(t.Context(), "id1", func(u *user.User) error { u.Epoch++; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if u, err := replicas[0].Get(t.Context(), "id1"); err != nil || u.Epoch != 10 {
			t.Errorf("after 10 changes: %+v, %v", u, err)
		}
	})
}

// What a replica stored and did not announce before it died, another announces.
func TestDeadReplicasEvents(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		one, two := start(t, fake), start(t, fake)
		fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Sidecar: one.of, Before: sidecartest.Away})
		if err := one.register(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		revive := fake.Inject(sidecartest.Fault{Sidecar: one.of, Before: sidecartest.Away}) // dead
		defer revive()
		sidecartest.Await(t, "another publishes", func() bool { return len(fake.Events()) == 1 })
		want(t, "through the other", fake, two.register(t.Context(), "id2"), "taken", 1)
	})
}
