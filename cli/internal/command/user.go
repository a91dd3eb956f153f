package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	userv1 "seaport.example/proto/seaport/user/v1"
)

func newUserCommand(s *session) *cobra.Command {
	return group("user", "Register, and look after users and their roles",
		newUserCreateCommand(s),
		newUserGetCommand(s),
		newUserListCommand(s),
		newUserSetRolesCommand(s),
	)
}

func newUserCreateCommand(s *session) *cobra.Command {
	var (
		req       userv1.CreateRequest
		password  string
		requestID string
	)
	cmd := &cobra.Command{
		Use:   "create --name NAME --email ADDRESS",
		Short: "Register a user",
		Long: `Registers a user, who may book freight from then on, and prints them as stored. Anyone may
register. The password is asked for at a terminal, twice; else it is a line of standard input. It
has 8 to 256 characters and is not one of those that everybody tries first.

When nobody is logged in at the server, the new user is.`,
		Example: `  seaport user create --name "Your Name" --email you@example.com --company "Your Company"
  seaport user create --name "Your Name" --email you@example.com <password.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			if req.Password, err = s.readPassword(cmd, "Password: ", "The same again: "); err != nil {
				return err
			}
			if req.RequestId = requestID; requestID == "" {
				req.RequestId = uuid.NewString()
			}
			resp, err := userv1.NewUserServiceClient(conn).Create(cmd.Context(), &req)
			if err != nil {
				return err
			}
			s.did("user %s is created", visible(resp.GetUser().GetId()))
			note := s.logInFirst(cmd, req.GetEmail(), req.GetPassword())
			return s.present(resp, func(w io.Writer) error {
				if err := writeUser(w, resp.GetUser()); err != nil {
					return err
				}
				fmt.Fprint(w, note)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&req.Name, "name", "", "the person's `name`")
	cmd.Flags().StringVar(&req.Email, "email", "", "the `address` to log in with")
	cmd.Flags().StringVar(&req.Company, "company", "", "the `company`, if there is one")
	cmd.Flags().StringVar(&requestID, "request-id", "", "the `id` of the request: the same one registers once (default: a new one)")
	passwordFlag(cmd, &password)
	for _, name := range []string{"name", "email"} {
		_ = cmd.MarkFlagRequired(name) // fails for a flag that does not exist only
	}
	return cmd
}

// logInFirst logs a new user in where nobody is, and says so. The user is registered whatever
// becomes of that, so it is not an error.
func (s *session) logInFirst(cmd *cobra.Command, email, password string) string {
	if s.caller.fixed != "" || s.caller.store == nil {
		return ""
	}
	if _, found, err := s.caller.store.Get(s.address); err != nil || found {
		return ""
	}
	login, _, err := s.logIn(cmd.Context(), email, password)
	if err != nil {
		return "\nNot logged in yet: " + loginCommand(s, email) + "\n"
	}
	return fmt.Sprintf("\nLogged in at %s as %s.\n", s.address, visible(login.Email))
}

func newUserGetCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "get [ID]",
		Short: "Show a user: yourself, or for an admin anybody",
		Example: `  seaport user get
  seaport user get 01234567-89ab-7cde-8f01-23456789abcd`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			req := &userv1.GetRequest{Id: "me"}
			if len(args) > 0 {
				req.Id = args[0]
			}
			resp, err := userv1.NewUserServiceClient(conn).Get(cmd.Context(), req)
			if err != nil {
				return err
			}
			return s.present(resp, func(w io.Writer) error { return writeUser(w, resp.GetUser()) })
		},
	}
}

func newUserListCommand(s *session) *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users, the newest first; for admins",
		Example: `  seaport user list
  seaport user list --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := userv1.NewUserServiceClient(conn)
			gathered := &userv1.ListResponse{}
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.List(cmd.Context(), &userv1.ListRequest{PageSize: size, PageToken: token})
				gathered.Users = append(gathered.Users, resp.GetUsers()...)
				return resp.GetNextPageToken(), err
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if err := writeUsers(w, gathered.GetUsers()); err != nil {
					return err
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	pages.flags(cmd)
	return cmd
}

func newUserSetRolesCommand(s *session) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "set-roles ID ROLE…",
		Short: "Say what a user may do; for admins",
		Long: `Gives a user these roles and no others:

  customer  books freight and looks after their own
  operator  looks after the fleet, the depots and everybody's freight
  admin     looks after users and dead letters

A token that was given out keeps its roles until it expires, some minutes; who logs in again has
the new ones at once.`,
		Example: `  seaport user set-roles 01234567-89ab-7cde-8f01-23456789abcd customer operator
  seaport user set-roles 01234567-89ab-7cde-8f01-23456789abcd --none`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := parseRoles(args[1:])
			switch {
			case err != nil:
				return badUsage(cmd, err)
			case none && len(roles) > 0:
				return badUsage(cmd, errors.New("--none: leaves no role to name"))
			case !none && len(roles) == 0:
				return badUsage(cmd, errors.New("argument ROLE: name one or more, or --none"))
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := userv1.NewUserServiceClient(conn).SetRoles(cmd.Context(), &userv1.SetRolesRequest{Id: args[0], Roles: roles})
			if err != nil {
				return err
			}
			s.did("user %s has the roles %s", visible(resp.GetUser().GetId()), rolesText(resp.GetUser().GetRoles()))
			return s.present(resp, func(w io.Writer) error { return writeUser(w, resp.GetUser()) })
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, "take all roles away: the user can log in and do nothing")
	return cmd
}
