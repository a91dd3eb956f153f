package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// probe is one health check of the start.
type probe struct {
	name string
	url  string
}

// probesOf lists what has to be healthy: each sidecar, what mails go through, and the gateway, which speaks for the whole platform.
func probesOf(plan *plan) []probe {
	var probes []probe
	for _, sidecar := range plan.sidecar {
		probes = append(probes, probe{sidecar.Name, "http://" + address(sidecar.Ports["http"]) + "/v1.0/healthz"})
	}
	if plan.mail != nil {
		probes = append(probes, plan.mail.probes()...)
	}
	for _, app := range plan.apps {
		if port, public := app.Ports["public"]; public {
			probes = append(probes, probe{app.Name, "http://" + address(port) + "/healthz"})
		}
	}
	return probes
}

// waitHealthy returns when all probes have succeeded. While it waits it says, every now and then, what for.
func waitHealthy(ctx context.Context, probes []probe, sayf func(string, ...any)) error {
	client := &http.Client{Timeout: 2 * time.Second}
	reminder := time.NewTicker(10 * time.Second)
	defer reminder.Stop()
	for {
		failing := failures(ctx, client, probes)
		if len(failing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; not ready: %s", context.Cause(ctx), strings.Join(failing, "; "))
		case <-reminder.C:
			sayf("still waiting for %s", strings.Join(failing, "; "))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// failures asks all at once and says of each that is not healthy why.
func failures(ctx context.Context, client *http.Client, probes []probe) []string {
	var (
		mu      sync.Mutex
		failing []string
		asking  sync.WaitGroup
	)
	for _, probe := range probes {
		asking.Go(func() {
			if err := ask(ctx, client, probe.url); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failing = append(failing, fmt.Sprintf("%s (%s)", probe.name, err))
			}
		})
	}
	asking.Wait()
	slices.Sort(failing)
	return failing
}

func ask(ctx context.Context, client *http.Client, url string) error {
	if address, mail := strings.CutPrefix(url, "smtp://"); mail {
		return askMail(ctx, address, client.Timeout)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return errors.New("does not answer")
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 300 {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
	return fmt.Errorf("%d %s", response.StatusCode, strings.TrimSpace(string(body)))
}

// askMail waits for the greeting of a mail server (RFC 5321, 4.3.1).
func askMail(ctx context.Context, address string, limit time.Duration) error {
	dialer := net.Dialer{Timeout: limit}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return errors.New("does not answer")
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(limit))
	greeting := make([]byte, 3)
	if _, err := io.ReadFull(conn, greeting); err != nil {
		return errors.New("does not answer")
	}
	if string(greeting) != "220" {
		return fmt.Errorf("begins with %q", greeting)
	}
	// It would complain of a client that just goes.
	_, _ = io.WriteString(conn, "QUIT\r\n")
	_, _ = io.Copy(io.Discard, conn)
	return nil
}
