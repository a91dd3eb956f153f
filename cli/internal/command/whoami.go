package command

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

func newWhoamiCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "whoami",
		Short: "Show who is logged in",
		Long: `Asks the server who is logged in there, or whose token SEAPORT_TOKEN is, and what they may do.
Nobody being logged in is an error.`,
		Example: `  seaport whoami
  seaport whoami --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			if err := s.somebody(cmd); err != nil {
				return err
			}
			resp, err := userv1.NewUserServiceClient(conn).Get(cmd.Context(), &userv1.GetRequest{Id: "me"})
			if err != nil {
				return err
			}
			a := account{user: resp.GetUser()}
			if s.caller.fixed == "" {
				a.login = &s.caller.login
			}
			return s.presentAccount(a, func(w io.Writer) error {
				fmt.Fprintf(w, "%s at %s\n", visible(a.user.GetEmail()), s.address)
				rows := append(userRows(a.user), []string{"Token:", "of " + tokenEnv})
				if a.login != nil {
					rows[len(rows)-1] = []string{"Log-in:", "until " + a.login.RefreshExpires.UTC().Format(time.RFC3339) + ", longer if used"}
				}
				return table(w, "  ", rows)
			})
		},
	}
}

func newTokenCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Print an access token, for curl and other programs",
		Long: `Prints the access token that commands call with, renewed if it is about to expire. It is good for
some minutes, and whoever has it may do what you may.`,
		Example: `  curl -H "Authorization: Bearer $(seaport token)" localhost:8080/v1/consignments
  SEAPORT_TOKEN=$(seaport token) ./script.sh`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			if err := s.somebody(cmd); err != nil {
				return err
			}
			token, err := s.caller.token(cmd.Context())
			if err != nil {
				return err
			}
			if s.output != outputJSON {
				_, err := fmt.Fprintln(s.stdout, token)
				return err
			}
			document := tokenDocument{AccessToken: token}
			if s.caller.fixed == "" {
				document.ExpireTime = s.caller.login.AccessExpires
			}
			return writeJSON(s.stdout, document)
		},
	}
}

// tokenDocument is the JSON form of a token. Its field names are part of the interface of the program.
type tokenDocument struct {
	AccessToken string    `json:"access_token"`
	ExpireTime  time.Time `json:"expire_time,omitzero"` // not known of SEAPORT_TOKEN
}

// somebody is an error unless there is a token to call with.
func (s *session) somebody(cmd *cobra.Command) error {
	token, err := s.caller.token(cmd.Context())
	if err != nil || token != "" {
		return err
	}
	s.caller.turnedAway.Store(true)
	return status.Errorf(codes.Unauthenticated, "nobody is logged in at %s", s.address)
}

// account is who is logged in, and with what; the log-in is nil for SEAPORT_TOKEN.
type account struct {
	login *credentials.Login
	user  *userv1.User
}

// accountDocument is its JSON form. Its field names are part of the interface of the program.
type accountDocument struct {
	Server            string          `json:"server"`
	Source            string          `json:"source"` // "login" or "SEAPORT_TOKEN"
	RefreshExpireTime time.Time       `json:"refresh_expire_time,omitzero"`
	User              json.RawMessage `json:"user"`
}

// presentAccount prints an account as JSON where --output says so, without its tokens, else calls text.
func (s *session) presentAccount(a account, text func(io.Writer) error) error {
	if s.output != outputJSON {
		return text(s.stdout)
	}
	user, err := marshalMessage(a.user)
	if err != nil {
		return err
	}
	document := accountDocument{Server: s.address, Source: tokenEnv, User: user}
	if a.login != nil {
		document.Source, document.RefreshExpireTime = "login", a.login.RefreshExpires.UTC()
	}
	return writeJSON(s.stdout, document)
}
