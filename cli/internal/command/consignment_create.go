package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"

	"seaport.example/cli/internal/document"
	"seaport.example/cli/internal/shell"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// defaultConsignmentFile is the file booked when none is named.
const defaultConsignmentFile = "consignment.json"

func newConsignmentCreateCommand(s *session) *cobra.Command {
	var customer, requestID string
	cmd := &cobra.Command{
		Use:   "create [FILE]",
		Short: "Book a consignment described by a JSON file",
		Long: `Books the consignment that FILE describes and prints it as stored. FILE is consignment.json
unless named; "-" is standard input. It holds one JSON object:

  {
    "description": "Spare parts",
    "weight": 55000,
    "containers": [
      {"customer_id": "cust001", "user_id": "user001", "origin": "Derby, United Kingdom"}
    ],
    "vessel_id": ""
  }

The weight is in kilograms. Without a vessel_id Seaport takes the vessel with the least room left
that still has enough. Names may be in camelCase too; a field that does not exist is refused.

The booking carries a request id, so that it is booked once, however often it is sent. When no
answer comes, the same command with --request-id finds out or completes it.`,
		Example: `  seaport consignment create
  seaport consignment create examples/consignment.json --customer cust001
  jq '.weight = 100' consignment.json | seaport consignment create - --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &consignmentv1.CreateConsignmentRequest{}
			if err := loadConsignment(args, s.stdin, req); err != nil {
				return err
			}
			if cmd.Flags().Changed("customer") {
				req.CustomerId = customer
			}
			if cmd.Flags().Changed("request-id") {
				req.RequestId = requestID
			}
			if req.GetRequestId() == "" {
				req.RequestId = uuid.NewString()
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := consignmentv1.NewShippingServiceClient(conn).CreateConsignment(cmd.Context(), req)
			if err != nil {
				return inDoubt(s, err, req.GetRequestId())
			}
			s.did("consignment %s is booked", visible(resp.GetConsignment().GetId()))
			return s.present(resp, func(w io.Writer) error {
				fmt.Fprintf(w, "Created: %t\n\n", resp.GetCreated())
				return writeConsignment(w, resp.GetConsignment())
			})
		},
	}
	cmd.Flags().StringVar(&customer, "customer", "", "the `id` of the customer whose booking it is (default: as the file says, else yourself)")
	cmd.Flags().StringVar(&requestID, "request-id", "", "the `id` of the request (default: as the file says, else a new one)")
	return cmd
}

func loadConsignment(args []string, stdin io.Reader, req *consignmentv1.CreateConsignmentRequest) error {
	file := defaultConsignmentFile
	if len(args) > 0 {
		file = args[0]
	}
	err := document.Load(file, stdin, req)
	if len(args) == 0 && errors.Is(err, fs.ErrNotExist) {
		return &inputError{err: err, next: `Name a file: "seaport consignment create FILE", or "-" for standard input.`}
	}
	return err
}

// inDoubt adds to an error after which the booking may still have been made how to find out.
func inDoubt(s *session, err error, requestID string) error {
	st, ok := callStatus(err)
	if !ok || !s.connected.Load() { // without a connection nothing was sent
		return err
	}
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
		return &advisedError{err: err, next: fmt.Sprintf(
			"Whether it was booked is not known. Repeat it with --request-id %s: that books it at most once.", shell.Word(requestID))}
	}
	return err
}
