package store_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/user/internal/store"
	"seaport.example/services/user/internal/user"
)

// A session is kept while it is used, and forgotten by the store when it is not.
func TestSessionsAreForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		sessions := store.NewSessions(fake.State(t), time.Hour)
		want := user.Session{User: "id1", Created: time.Now().UTC(), Expires: time.Now().UTC().Add(time.Hour)}
		if _, err := sessions.Update(t.Context(), "f1", func(s *user.Session) error { *s = want; return nil }); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(time.Hour)
			got, err := sessions.Get(t.Context(), "f1")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, %v; want %+v", got, err, want)
			}
			want.Counter++
			if _, err := sessions.Update(t.Context(), "f1", func(s *user.Session) error { *s = want; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if keys := fake.Keys("session/"); len(keys) != 1 || keys[0] != "session/f1" {
			t.Errorf("stored %q", keys)
		}
		time.Sleep(time.Hour + time.Minute)
		if got, err := sessions.Get(t.Context(), "f1"); err != nil || got.Exists() || len(fake.Keys("session/")) > 0 {
			t.Errorf("unused for longer than it is good: %+v, %v", got, err)
		}
	})
}

// Two replicas change a session at once: one after the other.
func TestSessionsAreChangedInTurn(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		var wg sync.WaitGroup
		for range 2 {
			sessions := store.NewSessions(fake.State(t), time.Hour)
			for range 5 {
				wg.Go(func() {
					if _, err := sessions.Update(t.Context(), "f1", func(s *user.Session) error { s.Counter++; return nil }); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		if got, err := store.NewSessions(fake.State(t), time.Hour).Get(t.Context(), "f1"); err != nil || got.Counter != 10 {
			t.Errorf("after 10 changes: %+v, %v", got, err)
		}
	})
}

// Nothing is written for a session that there is not, and that a change leaves so.
func TestNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		sessions := store.NewSessions(fake.State(t), time.Hour)
		if got, err := sessions.Update(t.Context(), "f1", func(*user.Session) error { return nil }); err != nil || got.Exists() {
			t.Errorf("Update = %+v, %v", got, err)
		}
		if keys := fake.Keys(""); len(keys) > 0 {
			t.Errorf("stored %q", keys)
		}
	})
}
