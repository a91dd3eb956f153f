package token_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"seaport.example/services/internal/token"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// key is an Ed25519 key and when it is in use.
type key struct {
	id          string
	private     ed25519.PrivateKey
	from, until time.Time
}

func newKey(t *testing.T, id string, from, until time.Time) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, private, from, until}
}

func (k key) public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// set writes a key set the way it is stored.
func set(t *testing.T, withPrivate bool, keys ...key) string {
	t.Helper()
	var all []string
	for _, k := range keys {
		web := jose.JSONWebKey{Key: k.public(), KeyID: k.id}
		if withPrivate {
			web.Key = k.private
		}
		data, err := json.Marshal(web)
		if err != nil {
			t.Fatal(err)
		}
		times := fmt.Sprintf(`,"from":%q`, k.from.Format(time.RFC3339))
		if !k.until.IsZero() {
			times += fmt.Sprintf(`,"until":%q`, k.until.Format(time.RFC3339))
		}
		all = append(all, strings.TrimSuffix(string(data), "}")+times+"}")
	}
	return `{"keys":[` + strings.Join(all, ",") + `]}`
}

func ring(t *testing.T, users, vessel string) *token.Ring {
	t.Helper()
	r, err := token.ParseRing(`{"users":` + users + `,"apps":{"vessel":` + vessel + `}}`)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signer(t *testing.T, keys ...key) *token.Signer {
	t.Helper()
	s, err := token.ParseSigner(set(t, true, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, s *token.Signer, c token.Claims, now time.Time) string {
	t.Helper()
	raw, err := s.Sign(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func anyUser() token.Claims {
	return token.Claims{User: "u1", Roles: []string{"customer", "admin"}, ID: "t1", Issued: noon, Expires: noon.Add(15 * time.Minute)}
}

func part(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }

func TestThereAndBack(t *testing.T) {
	t.Parallel()
	user, vessel := newKey(t, "a", noon.Add(-time.Hour), time.Time{}), newKey(t, "v", noon.Add(-time.Hour), time.Time{})
	r := ring(t, set(t, false, user), set(t, false, vessel))
	raw := sign(t, signer(t, user), anyUser(), noon)
	got, err := r.Verify(raw, "consignment", noon)
	if err != nil || got.User != "u1" || fmt.Sprint(got.Roles) != "[customer admin]" || got.App != "" || got.ID != "t1" ||
		!got.Issued.Equal(noon) || !got.Expires.Equal(noon.Add(15*time.Minute)) || !got.KeyUntil.IsZero() {
		t.Errorf("a user: %+v, %v", got, err)
	}
	raw, err = signer(t, vessel).SignFor("vessel", "consignment", noon.Add(time.Minute), noon)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Verify(raw, "consignment", noon); err != nil || got.App != "vessel" || got.User != "" || len(got.Roles) != 0 {
		t.Errorf("a service: %+v, %v", got, err)
	}
	if _, err := r.Verify(raw, "inventory", noon); !errors.Is(err, token.ErrOthers) {
		t.Errorf("a service, shown to another than it calls: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	user, vessel, stranger := newKey(t, "a", noon.Add(-time.Hour), time.Time{}), newKey(t, "v", noon.Add(-time.Hour), time.Time{}), newKey(t, "a", noon, time.Time{})
	r := ring(t, set(t, false, user), set(t, false, vessel))
	good := sign(t, signer(t, user), anyUser(), noon)
	parts := strings.Split(good, ".")
	claims := func(changes string) string {
		return fmt.Sprintf(`{"iss":"seaport","aud":["seaport"],"sub":"u1","iat":%d,"exp":%d,"roles":["admin"]%s}`, noon.Unix(), noon.Add(time.Hour).Unix(), changes)
	}
	byHand := func(k key, header, payload string) string {
		text := part(header) + "." + part(payload)
		return text + "." + part(string(ed25519.Sign(k.private, []byte(text))))
	}
	hs256 := func() string {
		text := part(`{"alg":"HS256","kid":"a","typ":"JWT"}`) + "." + part(claims(""))
		mac := hmac.New(sha256.New, user.public())
		mac.Write([]byte(text))
		return text + "." + part(string(mac.Sum(nil)))
	}
	const header = `{"alg":"EdDSA","kid":"a","typ":"JWT"}`
	unknown := user
	unknown.id = "b"
	posing := vessel // a service that signs for users
	expired, early := anyUser(), anyUser()
	expired.Issued, expired.Expires = noon.Add(-time.Hour), noon.Add(-time.Minute)
	early.Issued = noon.Add(time.Hour)
	early.Expires = noon.Add(2 * time.Hour)
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"nothing":              {"", token.ErrMalformed},
		"garbage":              {"garbage", token.ErrMalformed},
		"dots":                 {"..", token.ErrMalformed},
		"a megabyte":           {strings.Repeat("a", 1<<20), token.ErrMalformed},
		"no algorithm":         {part(`{"alg":"none","kid":"a"}`) + "." + part(claims("")) + ".", token.ErrMalformed},
		"the public key as HS": {hs256(), token.ErrMalformed},
		"in JSON":              {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, token.ErrMalformed},
		"another key":          {sign(t, signer(t, stranger), anyUser(), noon), token.ErrForged},
		"unknown key":          {sign(t, signer(t, unknown), anyUser(), noon), token.ErrKey},
		"no kid":               {byHand(user, `{"alg":"EdDSA"}`, claims("")), token.ErrKey},
		"other content":        {parts[0] + "." + part(claims("")) + "." + parts[2], token.ErrForged},
		"expired":              {sign(t, signer(t, user), expired, noon), token.ErrExpired},
		"from the future":      {sign(t, signer(t, user), early, noon), token.ErrNotYet},
		"a service's key":      {sign(t, signer(t, posing), anyUser(), noon), token.ErrOthers},
		"another issuer":       {byHand(user, header, strings.Replace(claims(""), `"seaport","aud"`, `"elsewhere","aud"`, 1)), token.ErrOthers},
		"another audience":     {byHand(user, header, strings.Replace(claims(""), `["seaport"]`, `["elsewhere"]`, 1)), token.ErrOthers},
		"no expiry":            {byHand(user, header, strings.Replace(claims(""), `"exp"`, `"exq"`, 1)), token.ErrMalformed},
		"no subject":           {byHand(user, header, strings.Replace(claims(""), `"u1"`, `""`, 1)), token.ErrMalformed},
	} {
		if got, err := r.Verify(c.raw, "consignment", noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, got, err, c.want)
		}
	}
	if _, err := r.Verify(byHand(user, header, claims("")), "consignment", noon); err != nil {
		t.Errorf("what the tokens above are bad copies of: %v", err)
	}
	if _, err := new(token.Ring).Verify(good, "", noon); !errors.Is(err, token.ErrKey) {
		t.Errorf("without any key: %v", err)
	}
}

// One key follows another: signatures change over at the moment, and a token is good until it expires
// or its key retires, whichever comes first.
func TestKeysChange(t *testing.T) {
	t.Parallel()
	change, retired := noon.Add(time.Hour), noon.Add(2*time.Hour)
	a, b := newKey(t, "a", noon.Add(-time.Hour), retired), newKey(t, "b", change, time.Time{})
	s, r := signer(t, a, b), ring(t, set(t, false, a, b), set(t, false))
	long := anyUser()
	long.Expires = noon.Add(24 * time.Hour)
	byA, byB := sign(t, s, long, change.Add(-time.Second)), sign(t, s, long, change)
	for name, c := range map[string]struct {
		raw  string
		at   time.Time
		want error
	}{
		"old key, before the change": {byA, change.Add(-time.Second), nil},
		"old key, after the change":  {byA, retired.Add(-time.Second), nil},
		"old key, retired":           {byA, retired, token.ErrKey},
		"new key, at once":           {byB, change, nil},
		"new key, before its time":   {byB, change.Add(-time.Minute), nil}, // a clock that is behind
		"new key, later":             {byB, retired, nil},
	} {
		got, err := r.Verify(c.raw, "", c.at)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && c.raw == byA && !got.KeyUntil.Equal(retired) {
			t.Errorf("%s: its key is said to retire at %s", name, got.KeyUntil)
		}
	}
	for at, want := range map[time.Time]int{noon: 2, retired: 1} {
		data, err := r.WebKeys(at)
		if err != nil {
			t.Fatal(err)
		}
		var published jose.JSONWebKeySet
		if err := json.Unmarshal(data, &published); err != nil || len(published.Keys) != want || strings.Contains(string(data), `"d"`) {
			t.Errorf("published at %s: %s, %v; want %d keys, none private", at, data, err, want)
		}
		for _, k := range published.Keys {
			if k.Algorithm != "EdDSA" || k.Use != "sig" || !k.IsPublic() {
				t.Errorf("published is %s", data)
			}
		}
	}
	if _, err := signer(t, newKey(t, "c", change, time.Time{})).Sign(long, noon); err == nil {
		t.Error("signed with a key that is not in use yet")
	}
	if _, err := signer(t, a).Sign(long, retired); err == nil {
		t.Error("signed with a retired key")
	}
}

func TestDamagedKeys(t *testing.T) {
	t.Parallel()
	k := newKey(t, "a", noon, time.Time{})
	good := set(t, true, k)
	for name, secret := range map[string]string{
		"empty": "", "no JSON": "{", "no keys": `{"keys":[]}`, "public only": set(t, false, k), "without kid": strings.Replace(good, `"kid":"a",`, "", 1),
		"cut": good[:len(good)/2],
	} {
		_, err := token.ParseSigner(secret)
		if err == nil || strings.Contains(err.Error(), strings.Split(strings.Split(good, `"d":"`)[1], `"`)[0]) {
			t.Errorf("signing keys, %s: %v", name, err)
		}
	}
	public := set(t, false, k)
	for name, secret := range map[string]string{
		"empty": "", "no JSON": "{", "private": `{"users":` + good + `}`, "same kid": `{"users":` + public + `,"apps":{"vessel":` + public + `}}`,
		"without kid": `{"users":` + strings.Replace(public, `"kid":"a",`, "", 1) + `}`,
	} {
		if _, err := token.ParseRing(secret); err == nil {
			t.Errorf("verification keys, %s: taken", name)
		}
	}
}
