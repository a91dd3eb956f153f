package command

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	"seaport.example/cli/internal/shell"
)

// adviseLogin says what to do about a call that its caller may not make.
func adviseLogin(code codes.Code, s *session) string {
	c := s.caller
	switch {
	case c == nil: // not a command that calls as somebody
		return ""
	case code == codes.Unauthenticated && !c.turnedAway.Load():
		return "" // a log-in was refused: its message says all there is to know
	case c.fixed == "" && c.store == nil:
		return "There is no folder to keep a log-in in, since HOME is not set. Set HOME, or name a folder with " + credentials.FolderEnv +
			", and log in: " + loginCommand(s, "") + "\nOr set " + tokenEnv + " to an access token, which needs none."
	case c.fixed != "" && code == codes.Unauthenticated:
		return tokenEnv + " has expired, or is not a token of this Seaport. Set another one, or unset it and log in: " + loginCommand(s, "")
	case c.fixed != "":
		return "You call with " + tokenEnv + "; \"seaport whoami\" says who that is. Without it, log in as another: " + loginCommand(s, "")
	case code == codes.Unauthenticated && c.login.Email != "":
		return "Log in again: " + loginCommand(s, c.login.Email)
	case code == codes.PermissionDenied && c.loggedIn:
		return fmt.Sprintf("You are logged in as %s; \"seaport whoami\" says more. Log in as another: %s", visible(c.login.Email), loginCommand(s, ""))
	}
	return "Log in: " + loginCommand(s, "") + "\n\"seaport user create\" registers you, if you are new."
}

// loginCommand returns the command that logs in at the server of this command line.
func loginCommand(s *session, email string) string {
	if email == "" {
		email = "ADDRESS"
	}
	line := "seaport login --email " + shell.Word(email)
	if s.server != s.usual {
		line += " --server " + shell.Word(s.server)
	}
	return line
}

// adviseWait says how long to wait after RESOURCE_EXHAUSTED, if the answer does.
func adviseWait(st *status.Status) string {
	for _, detail := range st.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			wait := retry.GetRetryDelay().AsDuration()
			seconds := max(1, int64(math.Ceil(wait.Seconds())))
			return fmt.Sprintf("Try again in %s.", time.Duration(seconds)*time.Second)
		}
	}
	return ""
}
