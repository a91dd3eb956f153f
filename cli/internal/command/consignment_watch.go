package command

import (
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

func newConsignmentWatchCommand(s *session) *cobra.Command {
	var customer, from string
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print every change of consignments as it happens",
		Long: `Prints a line for every consignment that is booked or cancelled, as it happens, until Ctrl-C: your own, or
everybody's for operators. With --output json a line is one JSON object, with the event's id.

When the connection breaks, or Seaport restarts, it connects again by itself and goes on where it was:
nothing is missing and nothing comes twice. At its end it says how to go on later, by --from.`,
		Example: `  seaport consignment watch
  seaport consignment watch --customer cust001
  seaport consignment watch --output json | jq .change.consignment.id`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connectWatch()
			if err != nil {
				return err
			}
			w := &watch{
				s: s, client: consignmentv1.NewShippingServiceClient(conn), printer: newChangePrinter(s),
				req: &consignmentv1.WatchConsignmentsRequest{CustomerId: customer, LastEventId: from},
			}
			return w.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&customer, "customer", "", "only the consignments of the customer with this `id`")
	cmd.Flags().StringVar(&from, "from", "", "go on after the event with this `id` (default: from now on)")
	return cmd
}

// connectWatch is connect for a stream on which nothing comes for as long as nothing happens: only asking tells then
// that the other end is gone.
func (s *session) connectWatch() (*grpc.ClientConn, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.dial(
		grpc.WithStatsHandler(connectionWatch{&s.connected}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
}
