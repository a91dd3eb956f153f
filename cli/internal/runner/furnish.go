package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"seaport.example/cli/internal/credentials"
)

// setUp is the subject of the tokens that the runner signs for itself.
const setUp = "seaport-up"

// furnish creates the sample users and data that are missing, and logs the command line in.
func (r *run) furnish(ctx context.Context) error {
	conn, err := grpc.NewClient(address(r.public), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("seeding: %w", err)
	}
	defer func() { _ = conn.Close() }()
	var users registered
	if !r.options.Insecure {
		if users, err = r.createUsers(ctx, conn); err != nil {
			return err
		}
	}
	if r.options.Seed {
		if err := r.createData(ctx, conn); err != nil {
			return err
		}
	}
	r.logIn(ctx, conn, users)
	return nil
}

// createUsers creates the sample users and says so. That they are somebody else's by now ends no start.
func (r *run) createUsers(ctx context.Context, conn *grpc.ClientConn) (registered, error) {
	p := r.platform
	token, err := r.keys.Token(setUp, time.Now(), "admin")
	if err != nil {
		return registered{}, err
	}
	users, err := newRegistrar(r.options.Data, conn, token).ensure(ctx)
	switch {
	case errors.Is(err, errUsersDamaged):
		p.sayf("warning: %s; going on without sample users: restore the file, or remove it", err)
	case err != nil:
		return registered{}, err
	}
	if len(users.unknown) > 0 {
		p.sayf("warning: %s: created in an earlier run, and their passwords are no longer in %s; register others with \"%s user create\"",
			strings.Join(users.unknown, ", "), filepath.Join(r.options.Data, UsersFile), r.options.Try)
	}
	if len(users.created) > 0 {
		p.sayf("created sample users; their passwords are kept in %s:", filepath.Join(r.options.Data, UsersFile))
		for _, line := range table(users.created) {
			p.sayf("  %s", line)
		}
	}
	return users, nil
}

// createData creates the sample vessel and depots, as an operator, and says so.
func (r *run) createData(ctx context.Context, conn *grpc.ClientConn) error {
	token := ""
	if !r.options.Insecure {
		var err error
		if token, err = r.keys.Token(setUp, time.Now(), "operator"); err != nil {
			return err
		}
	}
	created, err := seed(bearing(ctx, token), conn)
	if len(created) > 0 {
		r.platform.sayf("created sample data: %s", strings.Join(created, "; "))
	}
	return err
}

// logIn leaves the command line logged in, as the sample customer unless it is somebody already. The platform does
// without, so what goes wrong is a warning.
func (r *run) logIn(ctx context.Context, conn *grpc.ClientConn, users registered) {
	clerk, err := newClerk(r.server(), conn)
	if err == nil {
		var customer *sampleUser
		for i := range users.users {
			if users.users[i].Role == sampleRoles[0].name {
				customer = &users.users[i]
			}
		}
		r.loggedIn, err = clerk.settle(ctx, customer)
	}
	if err != nil && ctx.Err() == nil {
		r.platform.sayf("warning: the command line is not logged in: %s", err)
	}
}

// leave forgets the log-in at a port that nobody asked for: the next program that listens there is another one.
func (r *run) leave() {
	if r.options.Port != 0 || r.loggedIn == "" {
		return
	}
	store, err := credentials.Open()
	if err == nil {
		err = store.Delete(r.server())
	}
	if err != nil {
		r.platform.sayf("warning: forgetting the log-in at %s: %s", r.server(), err)
	}
}

// server is what the command line calls the platform.
func (r *run) server() string { return "localhost:" + strconv.Itoa(r.public) }

// welcome says where the platform is and what to try.
func (r *run) welcome() {
	server := ""
	if r.public != 8080 {
		server = " --server " + r.server()
	}
	sample := filepath.Join(r.options.Root, "examples", "consignment.json")
	if relative, err := filepath.Rel(r.options.Here, sample); err == nil {
		sample = relative
	}
	data := ""
	if r.options.Data != filepath.Join(r.options.Root, ".seaport") {
		data = " --data " + r.options.Data
	}
	p := r.platform
	p.sayf("")
	p.sayf("Seaport is ready: %s", r.url())
	if r.options.Insecure {
		p.sayf("WARNING: it is insecure: anybody on this machine may do everything, without logging in")
	}
	if r.loggedIn != "" {
		p.sayf("The command line is logged in as %s. Try, in another terminal:", r.loggedIn)
		p.sayf("  %s whoami%s", r.options.Try, server)
	} else {
		p.sayf("Try, in another terminal:")
	}
	p.sayf("  %s consignment create %s%s", r.options.Try, sample, server)
	p.sayf("  %s consignment list%s", r.options.Try, server)
	p.sayf("  %s vessel list%s", r.options.Try, server)
	if !r.options.Insecure {
		p.sayf("To look after vessels and depots, become the operator (passwords: %s):", filepath.Join(r.options.Data, UsersFile))
		p.sayf("  %s login --email operator@seaport.example%s", r.options.Try, server)
	}
	if r.plan.mail != nil {
		p.sayf("No e-mail leaves this machine. To read them:")
		p.sayf("  %s mail list%s", r.options.Try, data)
	}
	p.sayf("Ctrl-C stops it; data stays in %s", r.options.Data)
	p.sayf("")
}
