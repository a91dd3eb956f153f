package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

func newConsignmentCommand(s *session) *cobra.Command {
	return group("consignment", "Book consignments, list, watch and cancel them",
		newConsignmentCreateCommand(s),
		newConsignmentImportCommand(s),
		newConsignmentListCommand(s),
		newConsignmentGetCommand(s),
		newConsignmentCancelCommand(s),
		newConsignmentWatchCommand(s),
	)
}

func newConsignmentListCommand(s *session) *cobra.Command {
	var (
		customer string
		pages    paging
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List consignments, the newest first",
		Example: `  seaport consignment list
  seaport consignment list --customer cust001 --page-size 10
  seaport consignment list --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := consignmentv1.NewShippingServiceClient(conn)
			gathered, count := &consignmentv1.ListConsignmentsResponse{}, 0
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.ListConsignments(cmd.Context(), &consignmentv1.ListConsignmentsRequest{
					CustomerId: customer, PageSize: size, PageToken: token,
				})
				if err != nil {
					return "", err
				}
				if s.output == outputJSON {
					gathered.Consignments = append(gathered.Consignments, resp.GetConsignments()...)
					return resp.GetNextPageToken(), nil
				}
				for _, c := range resp.GetConsignments() {
					if count++; count > 1 {
						fmt.Fprintln(s.stdout)
					}
					if err := writeConsignment(s.stdout, c); err != nil {
						return "", err
					}
				}
				return resp.GetNextPageToken(), nil
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if count == 0 {
					fmt.Fprintln(w, "No consignments.")
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	cmd.Flags().StringVar(&customer, "customer", "", "only the consignments of the customer with this `id`")
	pages.flags(cmd)
	return cmd
}

func newConsignmentGetCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "get ID",
		Short:   "Show one consignment",
		Example: `  seaport consignment get 01234567-89ab-7cde-8f01-23456789abcd`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := consignmentv1.NewShippingServiceClient(conn).GetConsignment(cmd.Context(),
				&consignmentv1.GetConsignmentRequest{Id: args[0]})
			if err != nil {
				return err
			}
			return s.present(resp, func(w io.Writer) error { return writeConsignment(w, resp.GetConsignment()) })
		},
	}
}

func newConsignmentCancelCommand(s *session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "Cancel a consignment and give back its room and containers",
		Long: `Cancels a consignment and gives its room on the vessel and its containers back. Cancelling it
again changes nothing.`,
		Example: `  seaport consignment cancel 01234567-89ab-7cde-8f01-23456789abcd --reason "ordered twice"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := consignmentv1.NewShippingServiceClient(conn).CancelConsignment(cmd.Context(),
				&consignmentv1.CancelConsignmentRequest{Id: args[0], Reason: reason})
			if err != nil {
				return err
			}
			s.did("consignment %s is cancelled", visible(resp.GetConsignment().GetId()))
			return s.present(resp, func(w io.Writer) error { return writeConsignment(w, resp.GetConsignment()) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for a person; at most 500 characters")
	return cmd
}
