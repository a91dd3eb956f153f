package platform

import (
	"bytes"
	"context"
	"errors"
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
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond},
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
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.SysProcAttr = attributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	cmd.Dir = Root()
	cmd.Env = append(os.Environ(), environ...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err = launch(cmd); err == nil {
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		t.Fatalf("seaport %s: not done after %s; it said\n%s%s", strings.Join(args, " "), commandLimit, stdout.String(), stderr.String())
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("seaport %s: %v", strings.Join(args, " "), err)
	}
	return Outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
