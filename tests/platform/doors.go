package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

const maxAnswer = 64 << 20 // bytes

// Client is the gRPC door.
type Client struct {
	consignmentv1.ShippingServiceClient
	vesselv1.VesselServiceClient
	inventoryv1.InventoryServiceClient
	opsv1.OpsServiceClient

	Conn *grpc.ClientConn
}

// Client connects to the gateway.
func (p *Platform) Client(t testing.TB) *Client {
	t.Helper()
	return p.dial(t, p.Address())
}

// Beside connects to an app through the sidecar of another, as its neighbours do.
func (p *Platform) Beside(t testing.TB, sidecar, app string) *Client {
	t.Helper()
	process, ok := p.Record(t).Process(sidecar)
	if !ok {
		t.Fatalf("there is no sidecar %q", sidecar)
	}
	address := func(ctx context.Context) context.Context {
		return metadata.AppendToOutgoingContext(ctx, "dapr-app-id", app)
	}
	return p.dial(t, "127.0.0.1:"+itoa(process.Ports["grpc"]),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(address(ctx), method, req, reply, conn, opts...)
		}))
}

func (p *Platform) dial(t testing.TB, target string, options ...grpc.DialOption) *Client {
	t.Helper()
	conn, err := grpc.NewClient(target, append(options,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second, // on a busy machine a handshake takes longer than a pause
		}))...)
	if err != nil {
		t.Fatalf("connecting to %s: %v", target, err)
	}
	p.mu.Lock()
	p.conns = append(p.conns, conn)
	p.mu.Unlock()
	return &Client{
		ShippingServiceClient:  consignmentv1.NewShippingServiceClient(conn),
		VesselServiceClient:    vesselv1.NewVesselServiceClient(conn),
		InventoryServiceClient: inventoryv1.NewInventoryServiceClient(conn),
		OpsServiceClient:       opsv1.NewOpsServiceClient(conn),
		Conn:                   conn,
	}
}

// Answer is what REST answered.
type Answer struct {
	Status int
	Type   string // the media type
	Body   []byte
}

// REST sends a request to the gateway.
func (p *Platform) REST(t testing.TB, method, path string, body []byte) Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.URL()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return Answer{response.StatusCode, response.Header.Get("Content-Type"), content}
}

// commandLimit is how long a command line may take.
const commandLimit = time.Minute

// Outcome is how a command line ended.
type Outcome struct {
	Exit           int
	Stdout, Stderr string
}

// CLI runs the command line against the platform.
func (p *Platform) CLI(t testing.TB, args ...string) Outcome {
	t.Helper()
	return p.CLIWith(t, "", args...)
}

// CLIWith is [Platform.CLI] with text on its standard input.
func (p *Platform) CLIWith(t testing.TB, stdin string, args ...string) Outcome {
	t.Helper()
	return command(t, stdin, []string{"SEAPORT_SERVER=" + p.Address()}, args...)
}

// CLI runs the command line without a platform, with settings (KEY=VALUE) over the environment.
func CLI(t testing.TB, environ []string, args ...string) Outcome {
	t.Helper()
	return command(t, "", environ, args...)
}

func command(t testing.TB, stdin string, environ []string, args ...string) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	outcome, err := execute(ctx, stdin, environ, args)
	if err != nil {
		t.Fatalf("seaport %s: %v; it said\n%s%s", strings.Join(args, " "), err, outcome.Stdout, outcome.Stderr)
	}
	return outcome
}

// RefusedStart runs `seaport up` on a fresh data folder, which must end by itself without ever
// being ready. Settings (KEY=VALUE) go over the environment.
func RefusedStart(t testing.TB, environ []string, flags ...string) Outcome {
	t.Helper()
	return RefusedStartIn(t, Folder(t), environ, flags...)
}

// RefusedStartIn is [RefusedStart] on a data folder that somebody else may have.
func RefusedStartIn(t testing.TB, data string, environ []string, flags ...string) Outcome {
	t.Helper()
	before, _ := ReadRecord(data) // of who has it
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() {
		err := poll(commandLimit, func() error {
			if ctx.Err() != nil {
				return nil
			}
			record, err := ReadRecord(data)
			if err == nil && record.PID != before.PID && record.State == "ready" {
				return nil
			}
			return errors.New("it did not end")
		})
		if err == nil {
			err = errors.New("it started")
		}
		cancel(err)
	}()
	args := append([]string{"up", "--root", Root(), "--data", data, "--port", "0"}, flags...)
	outcome, err := execute(ctx, "", environ, args)
	if err != nil {
		t.Fatalf("seaport %s: %v; it said\n%s%s", strings.Join(args, " "), err, outcome.Stdout, outcome.Stderr)
	}
	return outcome
}

// execute runs the command line until it ends, or ctx does, which is an error.
func execute(ctx context.Context, stdin string, environ, args []string) (Outcome, error) {
	binary, err := program()
	if err != nil {
		return Outcome{}, err
	}
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := launch(cmd); err != nil {
		return Outcome{}, err
	}
	err = cmd.Wait()
	outcome := Outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if ctx.Err() != nil {
		return outcome, fmt.Errorf("not done: %w", context.Cause(ctx))
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return outcome, err
	}
	return outcome, nil
}
