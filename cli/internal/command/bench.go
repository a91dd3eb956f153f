package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"seaport.example/cli/internal/bench"
)

func newBenchCommand(s *session) *cobra.Command {
	var plan bench.Plan
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what a booking costs beside the cheapest call",
		Long: `Measures two things by turns, in slices of half a second (longer where
calls are slow), over the same connections:

  pings     the floor: a unary call that does nothing, through the gateway and two sidecars
  bookings  a whole booking, each with a request id of its own

for each number of callers that call one after the other without a pause. A row says how many
succeeded a second, and the 50th, 90th and 99th percentile of how long they took. A call that
fails is counted as failed and in no other figure; then the exit code is 1.

A run creates vessels with much room and a depot, all named bench-…, and leaves them, and its
bookings, behind: use a Seaport that is there for it ("seaport up --data DIR"). A booking weighs
201,000 kg, so that the sample vessel does not take it; larger vessels of yours may.

It takes an operator to create them and to book for customers of its own.

After each slice of bookings the bench waits until all of them are confirmed, so that what they
leave to do is not counted against the pings.`,
		Example: `  seaport bench
  seaport bench --callers 64 --duration 20s --output json
  seaport bench --callers 1,16 --count 2000 --warmup 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("count") {
				if plan.Count < 1 {
					return badUsage(cmd, errors.New("--count: must be above zero"))
				}
				plan.Duration = 0
			}
			if err := plan.Check(); err != nil {
				return badUsage(cmd, err)
			}
			return runBench(cmd.Context(), s, plan)
		},
	}
	cmd.Flags().IntSliceVar(&plan.Callers, "callers", []int{1, 8, 64, 256}, "how many call at once, a row each")
	cmd.Flags().DurationVar(&plan.Duration, "duration", 5*time.Second, "how long each row takes for pings, and as long for bookings")
	cmd.Flags().IntVar(&plan.Count, "count", 0, "how many pings, and as many bookings, each row takes, instead of --duration")
	cmd.Flags().DurationVar(&plan.Warmup, "warmup", time.Second, "how long each row warms up with each kind, not measured; 0 for not at all")
	cmd.Flags().StringVar(&plan.App, "app", "consignment", "the app `id` of the service that is pinged")
	cmd.MarkFlagsMutuallyExclusive("count", "duration")
	return cmd
}

func runBench(ctx context.Context, s *session, plan bench.Plan) error {
	var conns []grpc.ClientConnInterface
	for range (slices.Max(plan.Callers)-1)/bench.CallersPerConnection + 1 {
		conn, err := s.connectPlain()
		if err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	printer := newBenchPrinter(s, plan)
	report, err := bench.Run(ctx, conns, plan, printer.row)
	if err == nil && len(report.Failures) > 0 {
		err = errors.New("some calls failed; the figures count those that succeeded")
	}
	if st, ok := callStatus(err); ok && (st.Code() == codes.PermissionDenied || st.Code() == codes.Unauthenticated) {
		err = &advisedError{err: err, next: "A bench needs an operator: it creates vessels and a depot, and books for customers of its own."}
	}
	if printErr := printer.finish(report); printErr != nil {
		return fmt.Errorf("print the report: %w", errors.Join(printErr, err))
	}
	return err
}
