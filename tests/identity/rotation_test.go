package identity

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Keys change under load and nobody notices: while the next key comes into use and the last one
// retires, users refresh, book and list. What the last key signed is refused from then on.
func TestKeysRotateUnderLoad(t *testing.T) {
	const (
		workers = 8
		spared  = 8 * time.Second  // from the change of the keys to the next key's first signature
		overlap = 10 * time.Second // in which the last key is still accepted: more than the life of a token
	)
	data := platform.Folder(t)
	flags := []string{"--no-seed", "--env", "user:SEAPORT_TOKEN_TTL=5s", "--env", "gateway:SEAPORT_LIMITS=off"}
	p := platform.StartIn(t, data, flags...)
	vessel, depot := freight.Vessel(t, p.Client(t), 1_000_000, 1_000_000_000), freight.Depot(t, p.Client(t), 1_000_000)
	old := p.KeyInUse(t, "user", "signing-keys")
	p.Stop(t)

	next := time.Now().Add(spared).UTC().Truncate(time.Second)
	retired := next.Add(overlap)
	setKeys(t, data, next, retired)
	p = platform.StartIn(t, data, flags...)
	if late := time.Since(next); late > 0 {
		t.Fatalf("the start took too long: the next key has been in use for %s", late)
	}
	if n := len(webKeys(t, p)); n != 2 {
		t.Errorf("%d keys are published before the change, want 2", n)
	}
	// Good for an hour, if it were not for its key.
	lasting := platform.Sign(t, old, platform.Claims{
		"iss": "seaport", "aud": "seaport", "sub": p.Account(t, platform.Operator).UserID, "roles": []string{platform.Operator},
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	client := p.With(lasting).Client(t)
	call := func() error {
		_, err := client.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{})
		return err
	}
	if err := call(); err != nil {
		t.Errorf("before the change a token of the last key is refused: %v", err)
	}

	var wg sync.WaitGroup
	loads := make([]*load, workers)
	end := retired.Add(3 * time.Second)
	for i := range loads {
		loads[i] = &load{user: p.Register(t), order: freight.Order(vessel, 1, depot), signed: make(map[string]int)}
		wg.Go(func() { loads[i].run(t, p, end) })
	}
	platform.Wait(t, time.Minute, func() error {
		if time.Now().After(retired) {
			return nil
		}
		if err := call(); err != nil && time.Now().Before(retired) {
			t.Errorf("%s before its key retires a token is refused: %v", time.Until(retired), err)
			return nil
		}
		return fmt.Errorf("the last key is in use")
	})
	if got := codeOf(call()); got != unknown {
		t.Errorf("a token of the retired key is answered %s, want UNAUTHENTICATED", got)
	}
	for _, app := range apps[1:] {
		c := p.With(lasting).Straight(t, app)
		if got := codeOf(knock(t, c, "/seaport.ops.v1.OpsService/Ping")); got != unknown {
			t.Errorf("%s answers a token of the retired key with %s, want UNAUTHENTICATED", app, got)
		}
	}
	if n := len(webKeys(t, p)); n != 1 {
		t.Errorf("%d keys are published after the last one retired, want 1", n)
	}
	wg.Wait()

	total, signed := 0, make(map[string]int)
	for _, l := range loads {
		for _, err := range l.failed {
			t.Errorf("a request failed: %v", err)
		}
		total += l.requests
		for id, n := range l.signed {
			signed[id] += n
		}
	}
	t.Logf("%d requests; tokens signed by key: %v", total, signed)
	if len(signed) != 2 || signed[old.ID] == 0 {
		t.Errorf("tokens were signed by %v, want both keys", signed)
	}
	audit.Wait(t, p, p.Client(t), 30*time.Second)
}

// setKeys makes the second key of users' tokens sign from a time on, and the first retire.
func setKeys(t *testing.T, data string, next, retired time.Time) {
	t.Helper()
	name := filepath.Join(data, "secrets", "all.keys.json")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	keys := all["users"].(map[string]any)["keys"].([]any)
	if len(keys) != 2 {
		t.Fatalf("there are %d keys, want 2", len(keys))
	}
	keys[0].(map[string]any)["until"] = retired.Format(time.RFC3339)
	keys[1].(map[string]any)["from"] = next.Format(time.RFC3339)
	if content, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// load is a customer who books and lists all the time, with a token that is refreshed when half of
// its life is over.
type load struct {
	user  platform.User
	order *consignmentv1.CreateConsignmentRequest

	requests int
	failed   []error
	signed   map[string]int // tokens by the id of their key
}

func (l *load) run(t *testing.T, p *platform.Platform, end time.Time) {
	tokens, renew := l.user.Tokens, time.Now()
	var client *platform.Client
	note := func(what string, err error) {
		l.requests++
		if err != nil {
			l.failed = append(l.failed, fmt.Errorf("%s: %w", what, err))
		}
	}
	users := p.Nobody().Client(t).Users
	order := l.order
	order.CustomerId = ""
	for time.Now().Before(end) && len(l.failed) < 10 {
		if time.Now().After(renew) {
			answer, err := users.RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: tokens.GetRefreshToken()})
			note("refreshing", err)
			if err != nil {
				return
			}
			tokens = answer.GetTokens()
			renew = time.Now().Add(time.Until(tokens.GetAccessExpireTime().AsTime()) / 2)
			header, _ := platform.Parts(t, tokens.GetAccessToken())
			l.signed[fmt.Sprint(header["kid"])]++
			client = p.With(tokens.GetAccessToken()).Client(t)
		}
		_, err := client.CreateConsignment(t.Context(), order)
		note("booking", err)
		_, err = client.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{})
		note("listing", err)
	}
}

// `seaport secrets rotate` on a stopped platform: what was signed before is refused, and those who
// are logged in stay so.
func TestRotateByHand(t *testing.T) {
	data := platform.Folder(t)
	p := platform.StartIn(t, data, "--no-seed")
	user := p.Register(t)
	before := p.KeyInUse(t, "user", "signing-keys")
	p.Stop(t)
	if out := platform.CLI(t, nil, "secrets", "rotate", "--data", data); out.Exit != 0 {
		t.Fatalf("seaport secrets rotate: exit %d, %s%s", out.Exit, out.Stdout, out.Stderr)
	}
	p = platform.StartIn(t, data, "--no-seed")
	if after := p.KeyInUse(t, "user", "signing-keys"); after.ID == before.ID {
		t.Errorf("key %s is still in use", after.ID)
	}
	if _, err := p.With(user.Tokens.GetAccessToken()).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"}); codeOf(err) != unknown {
		t.Errorf("a token of the dropped key: %v, want UNAUTHENTICATED", err)
	}
	answer, err := p.Nobody().Client(t).Users.RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: user.Tokens.GetRefreshToken()})
	if err != nil {
		t.Fatalf("whoever was logged in is not any more: %v", err)
	}
	if _, err := p.With(answer.GetTokens().GetAccessToken()).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"}); err != nil {
		t.Errorf("with the refreshed token: %v", err)
	}
}
