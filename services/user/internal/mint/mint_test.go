package mint_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/user/internal/mint"
	"seaport.example/services/user/internal/user"
)

// secrets is a secret store that changes.
type secrets struct {
	mu  sync.Mutex
	now authtest.Store
	err error
}

func (s *secrets) Get(ctx context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", s.err
	}
	return s.now.Get(ctx, name)
}

func (s *secrets) set(now authtest.Store, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.err = now, err
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// take returns what was written since it was taken last.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return j.text.String()
}

var (
	oneKey     = newKey()
	anotherKey = newKey()
)

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// with returns the secrets of an authority.
func with(authority *authtest.Authority, refreshKey string) *secrets {
	return &secrets{now: authority.Secrets("user").With("refresh-key", refreshKey)}
}

// start returns a mint that has read the secrets, unless it cannot.
func start(t *testing.T, s *secrets, log *journal) *mint.Mint {
	t.Helper()
	m := mint.New(mint.Config{Secrets: s, TTL: 15 * time.Minute, Log: slog.New(slog.NewTextHandler(log, nil))})
	go func() { _ = m.Run(t.Context()) }()
	synctest.Wait()
	return m
}

func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

func TestAccess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		authority := authtest.New(t, "user", "vessel")
		m := start(t, with(authority, oneKey), &journal{})
		if err := m.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		now := time.Now().UTC()
		raw, expires, err := m.Access(&user.User{ID: "id1", Roles: []user.Role{user.Customer, user.Admin}}, "0.x", now)
		if err != nil || !expires.Equal(now.Add(15*time.Minute).Truncate(time.Second)) {
			t.Fatalf("expires %s, %v", expires, err)
		}
		claims, err := authority.Keys(t, "vessel").Verify(raw)
		if err != nil || claims.User != "id1" || claims.ID != "0.x" || !reflect.DeepEqual(claims.Roles, []string{"customer", "admin"}) ||
			!claims.Expires.Equal(expires) || !claims.Issued.Equal(now.Truncate(time.Second)) {
			t.Errorf("another service reads %+v, %v", claims, err)
		}
		none, _, err := m.Access(&user.User{ID: "id1"}, "0.x", now)
		if err != nil {
			t.Fatal(err)
		}
		if claims, err := authority.Keys(t, "vessel").Verify(none); err != nil || len(claims.Roles) != 0 {
			t.Errorf("of a user without a role: %+v, %v", claims, err)
		}
	})
}

const family = "0190b6a1-7c3e-4d2a-9b1f-5a6c7d8e9f00"

func TestRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		authority := authtest.New(t)
		m := start(t, with(authority, oneKey), &journal{})
		for _, counter := range []uint32{0, 1, 1 << 20, 1<<32 - 1} {
			raw, err := m.Refresh(family, counter)
			if err != nil {
				t.Fatal(err)
			}
			if f, n, err := m.Open(raw); err != nil || f != family || n != counter {
				t.Errorf("%d came back as %s, %d, %v", counter, f, n, err)
			}
		}
		if raw, err := m.Refresh("not a uuid", 0); err == nil {
			t.Errorf("made %q", raw)
		}

		raw, _ := m.Refresh(family, 7)
		other, _ := start(t, with(authority, anotherKey), &journal{}).Refresh(family, 7)
		foreign := map[string]string{
			"nothing": "", "garbage": "garbage", "of another key": other, "cut": raw[:len(raw)-1], "longer": raw + "A",
			"padded": raw + "=", "megabyte": strings.Repeat("A", 1<<20), "with a space": " " + raw[1:], "zeros": strings.Repeat("A", len(raw)),
		}
		for i := range raw {
			for _, c := range []byte{'A', 'B', '_'} {
				if raw[i] != c {
					changed := []byte(raw)
					changed[i] = c
					foreign[string(c)+" in "+raw[:i]] = string(changed)
				}
			}
		}
		for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
			if changed := raw[:len(raw)-1] + string(c); changed != raw { // part of the last character counts for nothing
				foreign["another end "+string(c)] = changed
			}
		}
		foreign["of another version"] = byHand(t, 2)
		if byHand(t, 1) != raw {
			t.Errorf("%s is not what is written down: %s", raw, byHand(t, 1))
		}
		for name, raw := range foreign {
			if f, n, err := m.Open(raw); !errors.Is(err, user.ErrForeign) || f != "" || n != 0 {
				t.Errorf("%s: opened as %s, %d, %v", name, f, n, err)
			}
		}
	})
}

// byHand makes the refresh token number 7 of the family, of some version.
func byHand(t *testing.T, version byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(oneKey)
	if err != nil {
		t.Fatal(err)
	}
	id, err := hex.DecodeString(strings.ReplaceAll(family, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	signed := append(append([]byte{version}, id...), 0, 0, 0, 7)
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(signed))
}

// Without keys nothing is made, and nothing is called foreign.
func TestNotReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		authority := authtest.New(t, "user")
		var log journal
		s := with(authority, oneKey)
		s.set(nil, errors.New("the secret store is away"))
		m := start(t, s, &log)
		_, _, access := m.Access(&user.User{ID: "id1"}, "0.x", time.Now())
		_, refresh := m.Refresh(family, 0)
		_, _, open := m.Open("x")
		for name, err := range map[string]error{"Access": access, "Refresh": refresh, "Open": open} {
			if err == nil || failure.From(err).Code().String() != "Unavailable" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if told := log.take(); m.Ready(t.Context()) == nil || !strings.Contains(told, "secret store is away") {
			t.Errorf("it is ready, or says nothing: %s", told)
		}
		s.set(authority.Secrets("user").With("refresh-key", oneKey), nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := m.Ready(t.Context()); err != nil {
			t.Errorf("keys came and it does not see them: %v", err)
		}
	})
}

// Keys that change in the store are followed; keys that break do not take the good ones away.
func TestKeysChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		before, after := authtest.New(t, "user"), authtest.New(t, "user")
		var log journal
		s := with(before, oneKey)
		m := start(t, s, &log)
		signs := func(authority *authtest.Authority) bool {
			raw, _, err := m.Access(&user.User{ID: "id1"}, "0.x", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			_, err = authority.Keys(t, "user").Verify(raw)
			return err == nil
		}
		if !signs(before) {
			t.Error("it does not sign with the key there is")
		}
		good := after.Secrets("user")
		for name, broken := range map[string]authtest.Store{
			"no refresh key":     good,
			"short refresh key":  good.With("refresh-key", "c2VjcmV0"),
			"refresh key as hex": good.With("refresh-key", "zz"+oneKey),
			"no signing keys":    good.With("signing-keys", "").With("refresh-key", oneKey),
			"broken signing key": good.With("signing-keys", `{"keys":[{"d":"c2VjcmV0"}]}`).With("refresh-key", oneKey),
		} {
			log.take()
			s.set(broken, nil)
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if told := log.take(); !signs(before) || told == "" || strings.Contains(told, "c2VjcmV0") || strings.Contains(told, oneKey) {
				t.Errorf("%s: the log says %s", name, told)
			}
		}
		s.set(good.With("refresh-key", anotherKey), nil)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if !signs(after) || signs(before) {
			t.Error("it signs with the old key")
		}
	})
}
