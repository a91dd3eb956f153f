package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

func newLoginCommand(s *session) *cobra.Command {
	var email, password string
	cmd := &cobra.Command{
		Use:   "login --email ADDRESS",
		Short: "Log in, for the commands after this one",
		Long: `Logs in at the server and keeps what that gives, so that the commands after this one call as
that user. The password is asked for at a terminal; else it is a line of standard input.

One user is logged in at a server at a time; another log-in takes the place of the one before. Kept
are tokens, never the password: in credentials.json, for your eyes only, in the folder that
SEAPORT_CONFIG names or else in "seaport" in your config folder. They are renewed as commands use
them. SEAPORT_TOKEN, an access token, goes before what is kept.

Connections are not encrypted: a command that sends a password or token to another machine says so
(not with --output json, where standard error is for one JSON object).`,
		Example: `  seaport login --email you@example.com
  seaport login --email you@example.com <password.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			if _, err := credentials.Open(); err != nil {
				return err
			}
			password, err := s.readPassword(cmd, "Password: ")
			if err != nil {
				return err
			}
			login, user, err := s.logIn(cmd.Context(), email, password)
			if err != nil {
				return err
			}
			s.did("you are logged in as %s", visible(login.Email))
			return s.presentAccount(account{login: &login, user: user}, func(w io.Writer) error {
				fmt.Fprintf(w, "Logged in at %s as %s (%s).\n", s.address, visible(login.Email), rolesText(user.GetRoles()))
				if s.caller.fixed != "" {
					fmt.Fprintf(w, "%s is set and goes before this log-in; unset it to use this one.\n", tokenEnv)
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "the `address` you registered with")
	_ = cmd.MarkFlagRequired("email") // fails for a flag that does not exist only
	passwordFlag(cmd, &password)
	return cmd
}

// logIn logs in and keeps the log-in.
func (s *session) logIn(ctx context.Context, email, password string) (credentials.Login, *userv1.User, error) {
	conn, err := s.connect()
	if err != nil {
		return credentials.Login{}, nil, err
	}
	resp, err := userv1.NewUserServiceClient(conn).Auth(ctx, &userv1.AuthRequest{Email: email, Password: password})
	if err != nil {
		return credentials.Login{}, nil, err
	}
	user := resp.GetUser()
	login, err := withTokens(credentials.Login{UserID: user.GetId(), Email: user.GetEmail(), Roles: roleNames(user.GetRoles())}, resp.GetTokens())
	if err != nil {
		return login, nil, err
	}
	store, err := credentials.Open()
	if err != nil {
		return login, nil, err
	}
	return login, user, store.Put(s.address, login)
}

func newLogoutCommand(s *session) *cobra.Command {
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Log out, here or everywhere",
		Long: `Ends the log-in at the server and forgets it here. With --everywhere it ends every log-in of the
user, on other machines too. Access tokens that were given out live on until they expire, a few
minutes.`,
		Example: `  seaport logout
  seaport logout --everywhere`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := userv1.NewUserServiceClient(conn)
			if everywhere {
				if err := s.somebody(cmd); err != nil {
					return err
				}
				return s.logOutEverywhere(cmd.Context(), client)
			}
			return s.logOut(cmd.Context(), client)
		},
	}
	cmd.Flags().BoolVar(&everywhere, "everywhere", false, "end every log-in of this user")
	return cmd
}

// logOut forgets the log-in even if Seaport cannot be told: nobody has its tokens then.
func (s *session) logOut(ctx context.Context, client userv1.UserServiceClient) error {
	store, err := credentials.Open()
	if err != nil {
		return err
	}
	login, found, err := store.Get(s.address)
	if err != nil {
		return err
	}
	if !found {
		return s.present(&userv1.RevokeTokensResponse{}, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "Nobody is logged in at %s.\n", s.address)
			return err
		})
	}
	_, err = client.RevokeTokens(ctx, &userv1.RevokeTokensRequest{RefreshToken: login.RefreshToken})
	if status.Code(err) == codes.Unauthenticated {
		err = nil // it had ended before
	}
	if forgetErr := store.Delete(s.address); forgetErr != nil {
		return errors.Join(forgetErr, err)
	}
	if err != nil {
		return &advisedError{err: err, next: fmt.Sprintf("The log-in of %s is forgotten here, but Seaport was not told that it has ended.", visible(login.Email))}
	}
	return s.presentLogout(login.Email, "")
}

// logOutEverywhere keeps the log-in unless Seaport was told: it is needed to try again.
func (s *session) logOutEverywhere(ctx context.Context, client userv1.UserServiceClient) error {
	if _, err := client.RevokeTokens(ctx, &userv1.RevokeTokensRequest{UserId: "me"}); err != nil {
		return err
	}
	if s.caller.fixed != "" { // whose the stored log-in is, is another matter
		return s.presentLogout("the holder of "+tokenEnv, " everywhere")
	}
	if err := s.caller.store.Delete(s.address); err != nil {
		return err
	}
	return s.presentLogout(s.caller.login.Email, " everywhere")
}

func (s *session) presentLogout(who, where string) error {
	s.did("%s is logged out%s", visible(who), where)
	return s.present(&userv1.RevokeTokensResponse{}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Logged out%s: %s, at %s.\n", where, visible(who), s.address)
		return err
	})
}
