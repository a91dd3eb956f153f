package command

import (
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
)

func newDepotCommand(s *session) *cobra.Command {
	return group("depot", "Stock depots with empty containers and list them",
		newDepotStockCommand(s),
		newDepotListCommand(s),
	)
}

func newDepotStockCommand(s *session) *cobra.Command {
	var requestID string
	cmd := &cobra.Command{
		Use:   "stock ORIGIN N",
		Short: "Add N empty containers to a depot",
		Long: `Adds N empty containers to the depot at ORIGIN and prints the depot. The first stock opens the
depot. Case and spacing of ORIGIN do not matter.`,
		Example: `  seaport depot stock "Derby, United Kingdom" 100`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil {
				return badUsage(cmd, fmt.Errorf("argument N: must be a whole number of containers, not %q", args[1]))
			}
			if requestID == "" {
				requestID = uuid.NewString()
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := inventoryv1.NewInventoryServiceClient(conn).StockDepot(cmd.Context(),
				&inventoryv1.StockDepotRequest{Origin: args[0], Containers: int32(n), RequestId: requestID})
			if err != nil {
				return err
			}
			s.did("%d containers are added to depot %s", n, visible(resp.GetDepot().GetOrigin()))
			return s.present(resp, func(w io.Writer) error {
				return writeDepots(w, []*inventoryv1.Depot{resp.GetDepot()})
			})
		},
	}
	cmd.Flags().StringVar(&requestID, "request-id", "", "the `id` of the request: the same one adds once (default: a new one)")
	return cmd
}

func newDepotListCommand(s *session) *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the depots with their free containers, the newest first",
		Long: `Lists the depots, the newest first. FREE is the containers a booking can still take, STOCK all
that were ever put there; HELD counts the bookings on it that are not confirmed yet.`,
		Example: `  seaport depot list
  seaport depot list --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := inventoryv1.NewInventoryServiceClient(conn)
			gathered := &inventoryv1.ListDepotsResponse{}
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.ListDepots(cmd.Context(), &inventoryv1.ListDepotsRequest{PageSize: size, PageToken: token})
				gathered.Depots = append(gathered.Depots, resp.GetDepots()...)
				return resp.GetNextPageToken(), err
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if err := writeDepots(w, gathered.GetDepots()); err != nil {
					return err
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	pages.flags(cmd)
	return cmd
}

func writeDepots(w io.Writer, depots []*inventoryv1.Depot) error {
	if len(depots) == 0 {
		_, err := fmt.Fprintln(w, `No depots. "seaport depot stock" opens one.`)
		return err
	}
	rows := [][]string{{"ORIGIN", "FREE", "STOCK", "HELD", "OPENED"}}
	for _, d := range depots {
		rows = append(rows, []string{
			d.GetOrigin(), strconv.Itoa(int(d.GetFree())), strconv.Itoa(int(d.GetStock())),
			strconv.Itoa(int(d.GetPendingHolds())), moment(d.GetCreateTime()),
		})
	}
	return table(w, "", rows)
}
