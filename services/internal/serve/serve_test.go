package serve_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

// sayYes is a sidecar that answers everything with an empty message, once up says so.
func sayYes(t *testing.T, up *atomic.Bool) *sidecar.Sidecar {
	t.Helper()
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		if !up.Load() {
			return status.Error(codes.Unavailable, "not up yet")
		}
		return stream.SendMsg(&emptypb.Empty{})
	}))
	pipe := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(pipe) }()
	t.Cleanup(server.Stop)
	dapr, err := sidecar.Open("passthrough:///sidecar", "",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dapr.Close() })
	return dapr
}

func config(t *testing.T) serve.Config {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return serve.Config{AppID: "vessel", Host: "127.0.0.1", AppPort: l.Addr().(*net.TCPAddr).Port}
}

// guarded returns a service with keys and a guard. The test's own service may be called by anybody.
func guarded(t *testing.T, s serve.Service) serve.Service {
	t.Helper()
	s.Keys = authtest.New(t, "vessel").Keys(t, "vessel")
	s.Config.Insecure = true
	s.Guard = serve.NewGuard(s.Config, s.Keys, auth.Rules{"/test.Slow/Call": {Anyone: true}})
	return s
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func serving(conn *grpc.ClientConn) func() bool {
	client := healthv1.NewHealthClient(conn)
	return func() bool {
		resp, err := client.Check(context.Background(), &healthv1.HealthCheckRequest{})
		return err == nil && resp.GetStatus() == healthv1.HealthCheckResponse_SERVING
	}
}

// A service from its start, before its sidecar, to its end, in the middle of a call.
func TestLife(t *testing.T) {
	t.Parallel()
	var up, able atomic.Bool
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	entered, goOn := make(chan struct{}), make(chan struct{})
	cfg, dapr := config(t), sayYes(t, &up)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	worked := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- serve.Run(ctx, guarded(t, serve.Service{
			Config: cfg, Sidecar: dapr, Log: slog.New(slog.DiscardHandler),
			Register: func(r grpc.ServiceRegistrar) {
				r.RegisterService(&grpc.ServiceDesc{
					ServiceName: "test.Slow", HandlerType: (*any)(nil),
					Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
						if err := decode(&emptypb.Empty{}); err != nil {
							return nil, err
						}
						close(entered)
						<-goOn
						note("call answered")
						return &emptypb.Empty{}, nil
					}}},
				}, struct{}{})
			},
			Work: []func(context.Context) error{func(ctx context.Context) error {
				if !up.Load() {
					t.Error("work began before the sidecar was there")
				}
				close(worked)
				<-ctx.Done()
				note("work ended")
				return ctx.Err()
			}},
			Ready: func(context.Context) error {
				if !able.Load() {
					return errors.New("not able yet")
				}
				return nil
			},
		}))
	}()

	conn := dial(t, cfg.Listen())
	eventually(t, "the service answers before its sidecar is there", func() bool {
		resp, err := opsv1.NewOpsServiceClient(conn).Ping(t.Context(), &opsv1.PingRequest{})
		return err == nil && resp.GetAppId() == "vessel"
	})
	if serving(conn)() {
		t.Error("serving without a sidecar")
	}
	up.Store(true)
	<-worked
	if serving(conn)() {
		t.Error("serving before it is able to")
	}
	able.Store(true)
	eventually(t, "it is serving", serving(conn))
	up.Store(false)
	eventually(t, "it is not, without its sidecar", func() bool { return !serving(conn)() })

	answered := make(chan error)
	go func() {
		answered <- conn.Invoke(context.Background(), "/test.Slow/Call", &emptypb.Empty{}, &emptypb.Empty{})
	}()
	<-entered
	cancel()
	eventually(t, "new calls are refused", func() bool {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", cfg.Listen())
		if err == nil {
			_ = l.Close()
		}
		return err == nil
	})
	close(goOn)
	if err := <-answered; err != nil {
		t.Errorf("a call in progress got %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if want := "call answered, work ended"; strings.Join(order, ", ") != want {
		t.Errorf("%q, want %q", order, want)
	}
}

// The public port is served until the end, and its failure ends the service.
func TestFront(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	up.Store(true)
	boom := errors.New("boom")
	for name, want := range map[string]error{"until the end": nil, "fails": boom} {
		ctx, cancel := context.WithCancel(t.Context())
		began := make(chan struct{})
		done := make(chan error, 1)
		cfg, dapr := config(t), sayYes(t, &up)
		go func() {
			done <- serve.Run(ctx, guarded(t, serve.Service{
				Config: cfg, Sidecar: dapr, Log: slog.New(slog.DiscardHandler),
				Front: func(ctx context.Context) error {
					close(began)
					if want == nil {
						<-ctx.Done()
					}
					return want
				},
			}))
		}()
		select {
		case <-began:
		case err := <-done:
			t.Fatalf("%s: it ended before it began: %v", name, err)
		}
		if want == nil {
			cancel()
		}
		if err := <-done; !errors.Is(err, want) {
			t.Errorf("%s: Run = %v, want %v", name, err, want)
		}
		cancel()
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	err = serve.Run(t.Context(), serve.Service{
		Config: serve.Config{Host: "127.0.0.1", AppPort: l.Addr().(*net.TCPAddr).Port}, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Run = %v, want an error that names %s", err, l.Addr())
	}
}

// A service does not start with a method that no rule speaks of.
func TestMethodWithoutARule(t *testing.T) {
	t.Parallel()
	s := guarded(t, serve.Service{Config: config(t), Sidecar: sayYes(t, new(atomic.Bool)), Log: slog.New(slog.DiscardHandler)})
	s.Register = func(r grpc.ServiceRegistrar) {
		r.RegisterService(&grpc.ServiceDesc{ServiceName: "test.New", HandlerType: (*any)(nil),
			Methods: []grpc.MethodDesc{{MethodName: "Call"}}}, struct{}{})
	}
	if err := serve.Run(t.Context(), s); err == nil || !strings.Contains(err.Error(), "/test.New/Call") {
		t.Errorf("Run = %v, want an error that names the method", err)
	}
}

// Who is not the sidecar is not answered, whatever it asks; the sidecar is.
func TestAppToken(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	up.Store(true)
	cfg := config(t)
	cfg.AppToken = "of the sidecar"
	keys := authtest.New(t, "vessel").Keys(t, "vessel")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	dapr := sayYes(t, &up)
	go func() {
		done <- serve.Run(ctx, serve.Service{
			Config: cfg, Sidecar: dapr, Log: slog.New(slog.DiscardHandler), Keys: keys, Guard: serve.NewGuard(cfg, keys),
		})
	}()
	client := healthv1.NewHealthClient(dial(t, cfg.Listen()))
	eventually(t, "the sidecar is answered", func() bool {
		_, err := client.Check(metadata.AppendToOutgoingContext(t.Context(), "dapr-api-token", cfg.AppToken), &healthv1.HealthCheckRequest{})
		return err == nil
	})
	if _, err := client.Check(t.Context(), &healthv1.HealthCheckRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without the token: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// pings answers as a function says.
type pings struct {
	opsv1.UnimplementedOpsServiceServer

	err func() error
}

func (p *pings) Ping(context.Context, *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	return &opsv1.PingResponse{}, p.err()
}

func (p *pings) PingPong(opsv1.OpsService_PingPongServer) error { return p.err() }

// What a handler returns is worded for the caller, and logged once when it matters; a panic is an
// error like another.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		err     func() error
		code    codes.Code
		message string
		logged  string // part of it
	}{
		{"none", func() error { return nil }, codes.OK, "", ""},
		{"for the caller", func() error { return failure.Invalid("weight", "too heavy") }, codes.InvalidArgument, "weight: too heavy", ""},
		{"with a cause", func() error { return failure.Unavailable(errors.New("secret"), "try again") }, codes.Unavailable, "try again", "secret"},
		{"unknown", func() error { return errors.New("secret") }, codes.Internal, failure.InternalMessage, "secret"},
		{"panic", func() error { panic("secret") }, codes.Internal, failure.InternalMessage, "serve_test.go"},
		{"took too long", func() error { return context.DeadlineExceeded }, codes.DeadlineExceeded, "the answer took too long", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := &lines{}
			server := serve.NewServer(slog.New(slog.NewTextHandler(log, nil)), serve.NewGuard(serve.Config{Insecure: true}, nil))
			opsv1.RegisterOpsServiceServer(server, &pings{err: c.err})
			pipe := bufconn.Listen(1 << 20)
			go func() { _ = server.Serve(pipe) }()
			t.Cleanup(server.Stop)
			conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			client := opsv1.NewOpsServiceClient(conn)
			check := func(method string, err error) {
				st := status.Convert(err)
				if st.Code() != c.code || st.Message() != c.message {
					t.Errorf("%s = %v, want %s: %s", method, err, c.code, c.message)
				}
				logged := log.take()
				if (logged != "") != (c.logged != "") || !strings.Contains(logged, c.logged) || logged != "" && !strings.Contains(logged, "OpsService/"+method) ||
					strings.Count(logged, "\n") > 1 {
					t.Errorf("%s logged %q, want one line with %q", method, logged, c.logged)
				}
			}
			_, err = client.Ping(t.Context(), &opsv1.PingRequest{})
			check("Ping", err)
			stream, err := client.PingPong(t.Context())
			if err == nil {
				if _, err = stream.Recv(); c.code == codes.OK {
					err = nil // io.EOF
				}
			}
			check("PingPong", err)
		})
	}
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
