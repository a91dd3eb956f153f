package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func newPingCommand(s *session) *cobra.Command {
	var (
		count int
		unary bool
	)
	cmd := &cobra.Command{
		Use:   "ping APP",
		Short: "Measure the round trip to a service through its sidecar",
		Long: `Sends strokes to the service with the app id APP (gateway, consignment, vessel, inventory, user or
notification), each when the one before was answered, and prints how long each took there and back.
They go through the gateway and the sidecars on one stream; with --unary each is a call of its own.

The first stroke of a stream includes opening it.`,
		Example: `  seaport ping consignment -n 10
  seaport ping vessel -n 1000 --unary --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "" {
				return badUsage(cmd, errors.New("APP: must not be empty"))
			}
			if count < 1 || count > 1_000_000 {
				return badUsage(cmd, errors.New("-n: must be 1 to 1000000"))
			}
			conn, err := s.connectPlain()
			if err != nil {
				return err
			}
			p := pinger{client: opsv1.NewOpsServiceClient(conn), app: args[0], timeout: s.timeout}
			report := &pingReport{s: s, app: args[0], mode: "stream"}
			if unary {
				report.mode = "unary"
				err = p.unary(cmd.Context(), count, report.add)
			} else {
				err = p.stream(cmd.Context(), count, report.add)
			}
			return errors.Join(report.finish(), err)
		},
	}
	cmd.Flags().IntVarP(&count, "count", "n", 10, "how many strokes")
	cmd.Flags().BoolVar(&unary, "unary", false, "send each stroke as a call of its own")
	return cmd
}

func completeApps(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []cobra.Completion{"gateway", "consignment", "vessel", "inventory", "user", "notification"}, cobra.ShellCompDirectiveNoFileComp
}

// pinger sends strokes to one service, each answered within the timeout.
type pinger struct {
	client  opsv1.OpsServiceClient
	app     string
	timeout time.Duration
}

// stroke is one stroke that was answered.
type stroke struct {
	number int64
	app    string // that answered
	took   time.Duration
}

// unary sends count calls and hands each to add.
func (p pinger) unary(ctx context.Context, count int, add func(stroke) error) error {
	for n := int64(1); n <= int64(count); n++ {
		if err := p.call(ctx, n, add); err != nil {
			return err
		}
	}
	return nil
}

func (p pinger) call(ctx context.Context, n int64, add func(stroke) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	begin := time.Now()
	resp, err := p.client.Ping(ctx, &opsv1.PingRequest{AppId: p.app, Sequence: n})
	took := time.Since(begin)
	if err != nil {
		return fmt.Errorf("stroke %d: %w", n, err)
	}
	if resp.GetSequence() != n {
		return fmt.Errorf("stroke %d was answered as stroke %d", n, resp.GetSequence())
	}
	return add(stroke{n, resp.GetAppId(), took})
}

// stream sends count strokes on one stream and hands each to add.
func (p pinger) stream(ctx context.Context, count int, add func(stroke) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := status.Error(codes.DeadlineExceeded, "a stroke was not answered")
	watch := time.AfterFunc(p.timeout, func() { cancel(late) })
	defer watch.Stop()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), late) {
			err = late
		}
	}()

	begin := time.Now()
	strokes, err := p.client.PingPong(ctx)
	if err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	for n := int64(1); n <= int64(count); n++ {
		if n > 1 {
			begin = time.Now()
			watch.Reset(p.timeout)
		}
		// A failed send only says io.EOF; the reason comes with the next receive.
		if err := strokes.Send(&opsv1.PingPongRequest{AppId: p.app, Stroke: n}); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("stroke %d: %w", n, err)
		}
		resp, err := strokes.Recv()
		took := time.Since(begin)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the server closed the stream before it answered stroke %d", n)
		}
		if err != nil {
			return fmt.Errorf("stroke %d: %w", n, err)
		}
		if resp.GetStroke() != n {
			return fmt.Errorf("stroke %d was answered as stroke %d", n, resp.GetStroke())
		}
		if err := add(stroke{n, resp.GetAppId(), took}); err != nil {
			return err
		}
	}
	if err := strokes.CloseSend(); err != nil {
		return fmt.Errorf("close the stream: %w", err)
	}
	if _, err := strokes.Recv(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("close the stream: %w", err)
	}
	return nil
}
