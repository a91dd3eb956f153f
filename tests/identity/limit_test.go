package identity

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/platform"
)

// Whoever asks too much is told how long to wait, and others are not slowed down by it.
func TestLimits(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	one, two := p.Register(t), p.Register(t)
	operator := p.Client(t)
	auth := func(email, password string) error {
		_, err := p.Nobody().Client(t).Users.Auth(t.Context(), &userv1.AuthRequest{Email: email, Password: password})
		return err
	}

	t.Run("attempts to log in to one account", func(t *testing.T) {
		err := untilLimited(t, 10, func(i int) error {
			// However the address is written.
			return auth(mixedCase(one.Email)+strings.Repeat(" ", i%2), "wrong-password")
		})
		wantWait(t, err, 6*time.Second)
		// The right password is not tried either.
		if err := auth(one.Email, one.Password); codeOf(err) != codes.ResourceExhausted {
			t.Errorf("with the right password: got %v, want RESOURCE_EXHAUSTED", err)
		}
		answer := p.Nobody().REST(t, "POST", "/v1/tokens", fmt.Appendf(nil, `{"email": %q, "password": "wrong-password"}`, one.Email))
		wantRetryAfter(t, answer)
		out := p.CLIAt(t, t.TempDir(), one.Password+"\n", "login", "--email", one.Email)
		if out.Exit == 0 || !strings.Contains(out.Stderr, "RESOURCE_EXHAUSTED") || !regexp.MustCompile(`in \d+s`).MatchString(out.Stderr) {
			t.Errorf("command line: exit %d, %q, want RESOURCE_EXHAUSTED and how long to wait", out.Exit, out.Stderr)
		}
		if err := auth(two.Email, two.Password); err != nil {
			t.Errorf("another account is slowed down: %v", err)
		}
		// Whoever waits as told is let in.
		<-time.After(waitIn(auth(one.Email, one.Password)))
		if err := auth(one.Email, one.Password); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
	t.Run("an unknown account is no different", func(t *testing.T) {
		stranger := platform.NewAccount()
		wantWait(t, untilLimited(t, 10, func(int) error { return auth(stranger.Email, "wrong-password") }), 6*time.Second)
	})
	t.Run("requests of a customer", func(t *testing.T) {
		// A batch counts as what is in it; that its items are refused changes nothing.
		batch := &consignmentv1.BatchCreateConsignmentsRequest{Requests: make([]*consignmentv1.CreateConsignmentRequest, 900)}
		for i := range batch.GetRequests() {
			batch.Requests[i] = &consignmentv1.CreateConsignmentRequest{Weight: -1}
		}
		c := one.Client(t)
		err := untilLimited(t, 5, func(int) error {
			_, err := c.BatchCreateConsignments(t.Context(), batch)
			return err
		})
		wantWait(t, err, 10*time.Second)
		if _, err := two.Client(t).ListVessels(t.Context(), &vesselv1.ListVesselsRequest{}); err != nil {
			t.Errorf("another customer is slowed down: %v", err)
		}
		if _, err := operator.BatchCreateConsignments(t.Context(), batch); err != nil {
			t.Errorf("an operator is slowed down: %v", err)
		}
		platform.Wait(t, 10*time.Second, func() error {
			_, err := c.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{})
			return err
		})
	})
	t.Run("requests of nobody", func(t *testing.T) {
		c, bad := p.Nobody().Client(t), p.With("rubbish").Client(t)
		var limited atomic.Pointer[error]
		_, _ = atOnce(8, func(int) (any, error) {
			for range 200 {
				if limited.Load() != nil {
					break
				}
				_, err := c.Users.ValidateToken(t.Context(), &userv1.ValidateTokenRequest{Token: "rubbish"})
				if err == nil {
					_, err = bad.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{})
				}
				if err != nil && codeOf(err) != unknown {
					limited.Store(&err)
				}
			}
			return nil, nil
		})
		if limited.Load() == nil {
			t.Fatal("3,200 requests at once were answered")
		}
		wantWait(t, *limited.Load(), 5*time.Second)
		for range 300 { // whoever looks after the platform may always ask
			if _, err := grpc_health_v1.NewHealthClient(c.Conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
				t.Fatalf("asking for health: %v", err)
			}
		}
		if _, err := operator.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{}); err != nil {
			t.Errorf("an operator at the same address is slowed down: %v", err)
		}
	})
	// The last: after it nobody logs in from here for a while.
	t.Run("attempts to log in from one address", func(t *testing.T) {
		err := untilLimited(t, 60, func(i int) error {
			// Who one is is not what one says: the address counts that the call came from.
			claimed := fmt.Sprint("10.0.0.", i)
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", claimed, "x-real-ip", claimed, "forwarded", "for="+claimed, "x-seaport-address", claimed)
			_, err := p.Nobody().Client(t).Users.Auth(ctx, &userv1.AuthRequest{Email: platform.NewAccount().Email, Password: "wrong-password"})
			return err
		})
		wantWait(t, err, 10*time.Second)
	})
}

// untilLimited repeats a call until it is refused because there were too many, which it must be
// within so many calls.
func untilLimited(t *testing.T, most int, call func(i int) error) error {
	t.Helper()
	for i := range most {
		if err := call(i); codeOf(err) == codes.ResourceExhausted {
			return err
		}
	}
	t.Fatalf("none of %d calls was one too many", most)
	return nil
}

// waitIn returns how long an error says to wait; 0 if it does not.
func waitIn(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// wantWait wants RESOURCE_EXHAUSTED with the time to wait.
func wantWait(t *testing.T, err error, longest time.Duration) {
	t.Helper()
	wait := waitIn(err)
	if codeOf(err) != codes.ResourceExhausted || wait <= 0 || wait > longest || status.Convert(err).Message() == "" {
		t.Errorf("got %v, to wait %s, want RESOURCE_EXHAUSTED and at most %s", err, wait, longest)
	}
}

func wantRetryAfter(t *testing.T, answer platform.Answer) {
	t.Helper()
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if answer.Status != 429 || codeIn(t, answer) != codes.ResourceExhausted || err != nil || seconds < 1 || seconds > 6 {
		t.Errorf("REST: answered %d %s, Retry-After %q", answer.Status, answer.Body, answer.Header.Get("Retry-After"))
	}
}
