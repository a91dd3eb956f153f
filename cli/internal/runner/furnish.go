package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
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
	s := sample{
		data: r.options.Data, server: r.server(), conn: conn, try: r.options.Try, sayf: r.platform.sayf,
		withoutData: !r.options.Seed,
	}
	if !r.options.Insecure {
		s.token = func(role string) (string, error) { return r.keys.Token(setUp, time.Now(), role) }
	}
	r.loggedIn, err = s.create(ctx)
	return err
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
