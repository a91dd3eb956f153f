package command

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/document"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

func newVesselCommand(s *session) *cobra.Command {
	return group("vessel", "Add vessels to the fleet and see the room on them",
		newVesselCreateCommand(s),
		newVesselListCommand(s),
		newVesselFindCommand(s),
	)
}

func newVesselCreateCommand(s *session) *cobra.Command {
	var (
		flags     vesselv1.CreateVesselRequest
		available bool
	)
	cmd := &cobra.Command{
		Use:   "create [FILE]",
		Short: "Add a vessel, described by flags or a JSON file",
		Long: `Adds a vessel to the fleet and prints it as stored. It is described by flags, by FILE ("-" is
standard input), or by both: a flag stands above the file. The file holds one JSON object:

  {"id": "vessel002", "name": "Northern Drifter", "capacity": 1200, "max_weight": 900000}

The capacity is in containers, the weight in kilograms.`,
		Example: `  seaport vessel create --name "Northern Drifter" --capacity 1200 --max-weight 900000
  seaport vessel create examples/vessel.json
  seaport vessel create examples/vessel.json --id vessel003`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &vesselv1.CreateVesselRequest{}
			if len(args) > 0 {
				if err := document.Load(args[0], s.stdin, req); err != nil {
					return err
				}
			}
			set := func(name string, apply func()) {
				if cmd.Flags().Changed(name) {
					apply()
				}
			}
			set("id", func() { req.Id = flags.GetId() })
			set("name", func() { req.Name = flags.GetName() })
			set("capacity", func() { req.Capacity = flags.GetCapacity() })
			set("max-weight", func() { req.MaxWeight = flags.GetMaxWeight() })
			set("owner", func() { req.OwnerId = flags.GetOwnerId() })
			set("available", func() { req.Available = &available })
			if len(args) == 0 && (req.GetName() == "" || req.GetCapacity() == 0 || req.GetMaxWeight() == 0) {
				return badUsage(cmd, errors.New("name a file, or give --name, --capacity and --max-weight"))
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := vesselv1.NewVesselServiceClient(conn).CreateVessel(cmd.Context(), req)
			if err != nil {
				return err
			}
			s.did("vessel %s is created", visible(resp.GetVessel().GetId()))
			return s.present(resp, func(w io.Writer) error {
				fmt.Fprintln(w, "Created: true")
				fmt.Fprintln(w)
				return writeVessel(w, resp.GetVessel())
			})
		},
	}
	cmd.Flags().StringVar(&flags.Id, "id", "", "its `id`: letters, digits, -, _ and . (default: assigned)")
	cmd.Flags().StringVar(&flags.Name, "name", "", "its `name`")
	cmd.Flags().Int32Var(&flags.Capacity, "capacity", 0, "how many containers it takes")
	cmd.Flags().Int32Var(&flags.MaxWeight, "max-weight", 0, "the weight it takes, in `kg`")
	cmd.Flags().StringVar(&flags.OwnerId, "owner", "", "the `id` of its owner")
	cmd.Flags().BoolVar(&available, "available", true, "whether it takes freight already")
	return cmd
}

func newVesselListCommand(s *session) *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the fleet with the room that is left, the newest vessel first",
		Long: `Lists the fleet, the newest vessel first. FREE is what a vessel still takes; HELD counts the
bookings on it that are not confirmed yet.`,
		Example: `  seaport vessel list
  seaport vessel list --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := vesselv1.NewVesselServiceClient(conn)
			gathered := &vesselv1.ListVesselsResponse{}
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.ListVessels(cmd.Context(), &vesselv1.ListVesselsRequest{PageSize: size, PageToken: token})
				gathered.Vessels = append(gathered.Vessels, resp.GetVessels()...)
				return resp.GetNextPageToken(), err
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if err := writeVessels(w, gathered.GetVessels()); err != nil {
					return err
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	pages.flags(cmd)
	return cmd
}

func newVesselFindCommand(s *session) *cobra.Command {
	var capacity, weight int32
	cmd := &cobra.Command{
		Use:   "find --capacity N --weight KG",
		Short: "Find the vessel that freight would be booked on",
		Long: `Finds the best fit: the vessel with the least room left that still takes the freight. It holds
nothing: a booking a moment later may find another.`,
		Example: `  seaport vessel find --capacity 3 --weight 55000`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := vesselv1.NewVesselServiceClient(conn).FindAvailable(cmd.Context(),
				&vesselv1.FindAvailableRequest{Capacity: capacity, MaxWeight: weight})
			if err != nil {
				return err
			}
			return s.present(resp, func(w io.Writer) error { return writeVessel(w, resp.GetVessel()) })
		},
	}
	cmd.Flags().Int32Var(&capacity, "capacity", 0, "how many containers have to fit")
	cmd.Flags().Int32Var(&weight, "weight", 0, "what they weigh together, in `kg`")
	for _, name := range []string{"capacity", "weight"} {
		_ = cmd.MarkFlagRequired(name) // fails for a flag that does not exist only
	}
	return cmd
}

func writeVessel(w io.Writer, v *vesselv1.Vessel) error {
	fmt.Fprintf(w, "Vessel %s\n", visible(v.GetId()))
	return table(w, "  ", [][]string{
		{"Name:", v.GetName()},
		{"Capacity:", room(v.GetFreeCapacity(), v.GetCapacity(), "containers")},
		{"Weight:", room(v.GetFreeWeight(), v.GetMaxWeight(), "kg")},
		{"Held:", strconv.Itoa(int(v.GetPendingHolds()))},
		{"Available:", yesNo(v.GetAvailable())},
		{"Owner:", v.GetOwnerId()},
		{"Joined:", moment(v.GetCreateTime())},
	})
}

func room(free, all int32, unit string) string {
	return fmt.Sprintf("%d of %d %s free", free, all, unit)
}

func writeVessels(w io.Writer, vessels []*vesselv1.Vessel) error {
	if len(vessels) == 0 {
		_, err := fmt.Fprintln(w, `No vessels. "seaport vessel create" adds one.`)
		return err
	}
	rows := [][]string{{"ID", "NAME", "FREE", "CAPACITY", "FREE KG", "MAX KG", "HELD", "AVAILABLE", "OWNER"}}
	for _, v := range vessels {
		rows = append(rows, []string{
			v.GetId(), v.GetName(),
			strconv.Itoa(int(v.GetFreeCapacity())), strconv.Itoa(int(v.GetCapacity())),
			strconv.Itoa(int(v.GetFreeWeight())), strconv.Itoa(int(v.GetMaxWeight())),
			strconv.Itoa(int(v.GetPendingHolds())), yesNo(v.GetAvailable()), v.GetOwnerId(),
		})
	}
	return table(w, "", rows)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
