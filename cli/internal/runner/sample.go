package runner

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// SeedOptions say which platform is seeded, and how.
type SeedOptions struct {
	// Data is the folder that keeps the sample users' passwords.
	Data string
	// Server is the gateway, host:port, and Conn a connection to it that brings no token.
	Server string
	Conn   *grpc.ClientConn
	// Token returns an access token with a role.
	Token func(role string) (string, error)
	// Sayf prints a line.
	Sayf func(format string, args ...any)
	// Try is how this program was called, for the commands to try.
	Try string
}

// Seed does to a platform that runs what "seaport up" does when it starts: it creates the sample users, vessel and depots that
// are missing, and logs the command line in, unless somebody is.
func Seed(ctx context.Context, o SeedOptions) error {
	said := false
	s := sample{data: o.Data, server: o.Server, conn: o.Conn, token: o.Token, try: o.Try, sayf: func(format string, args ...any) {
		said = true
		o.Sayf(format, args...)
	}}
	loggedIn, err := s.create(ctx)
	if err != nil {
		return err
	}
	if !said {
		o.Sayf("the sample users, vessel and depots are there already")
	}
	if loggedIn != "" {
		o.Sayf("the command line is logged in as %s", loggedIn)
	}
	return nil
}

// WaitReady waits until the gateway at server, host:port, says that every service is ready, or ctx ends: then it returns
// what is not. It tells sayf what it waits for, whenever that changes.
func WaitReady(ctx context.Context, server string, sayf func(format string, args ...any)) error {
	client := &http.Client{Timeout: 3 * time.Second}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := ""; ; {
		err := ask(ctx, client, "http://"+server+"/healthz")
		if err == nil {
			return nil
		}
		if text := err.Error(); text != told && ctx.Err() == nil {
			sayf("waiting for Seaport at %s: %s", server, text)
			told = text
		}
		select {
		case <-ctx.Done():
			return errors.New(cmp.Or(told, "does not answer"))
		case <-tick.C:
		}
	}
}

// sample is what a platform has for the first steps: a user for each role, a vessel and depots.
type sample struct {
	data   string // folder of UsersFile
	server string // what the command line calls the platform
	conn   *grpc.ClientConn
	token  func(role string) (string, error) // nil where everybody may do everything: there are no users then
	try    string                            // how this program was called
	sayf   func(format string, args ...any)

	withoutData bool // without vessel and depots
}

// create creates what is missing and logs the command line in. It returns who is logged in then; empty for nobody.
func (s *sample) create(ctx context.Context) (loggedIn string, err error) {
	var users registered
	if s.token != nil {
		if users, err = s.createUsers(ctx); err != nil {
			return "", err
		}
	}
	if !s.withoutData {
		if err := s.createData(ctx); err != nil {
			return "", err
		}
	}
	return s.logIn(ctx, users), nil
}

// createUsers creates the sample users and says so. That they are somebody else's by now is no error.
func (s *sample) createUsers(ctx context.Context) (registered, error) {
	token, err := s.token("admin")
	if err != nil {
		return registered{}, err
	}
	users, err := newRegistrar(s.data, s.conn, token).ensure(ctx)
	switch {
	case errors.Is(err, errUsersDamaged):
		s.sayf("warning: %s; going on without sample users: restore the file, or remove it", err)
	case err != nil:
		return registered{}, err
	}
	if len(users.unknown) > 0 {
		s.sayf("warning: %s: created in an earlier run, and their passwords are no longer in %s; register others with \"%s user create\"",
			strings.Join(users.unknown, ", "), filepath.Join(s.data, UsersFile), s.try)
	}
	if len(users.created) > 0 {
		s.sayf("created sample users; their passwords are kept in %s:", filepath.Join(s.data, UsersFile))
		for _, line := range table(users.created) {
			s.sayf("  %s", line)
		}
	}
	return users, nil
}

// createData creates the sample vessel and depots, as an operator, and says so.
func (s *sample) createData(ctx context.Context) error {
	token := ""
	if s.token != nil {
		var err error
		if token, err = s.token("operator"); err != nil {
			return err
		}
	}
	created, err := seed(bearing(ctx, token), s.conn)
	if len(created) > 0 {
		s.sayf("created sample data: %s", strings.Join(created, "; "))
	}
	return err
}

// logIn leaves the command line logged in, as the sample customer unless it is somebody already. The platform does
// without, so what goes wrong is a warning.
func (s *sample) logIn(ctx context.Context, users registered) (loggedIn string) {
	clerk, err := newClerk(s.server, s.conn)
	if err == nil {
		var customer *sampleUser
		for i := range users.users {
			if users.users[i].Role == sampleRoles[0].name {
				customer = &users.users[i]
			}
		}
		loggedIn, err = clerk.settle(ctx, customer)
	}
	if err != nil && ctx.Err() == nil {
		s.sayf("warning: the command line is not logged in: %s", err)
	}
	return loggedIn
}
