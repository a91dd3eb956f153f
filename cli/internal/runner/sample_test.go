package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"

	"seaport.example/cli/internal/credentials"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

// "seaport seed" does the same as a start, says what it did, and does it once.
func TestSeed(t *testing.T) {
	t.Setenv(credentials.FolderEnv, t.TempDir())
	users, data := newFakeUsers(), t.TempDir()
	vessels, depots := &fakeVessels{vessels: map[string]*vesselv1.CreateVesselRequest{}}, &fakeDepots{}
	conn := serve(t, func(server *grpc.Server) {
		userv1.RegisterUserServiceServer(server, users)
		vesselv1.RegisterVesselServiceServer(server, vessels)
		inventoryv1.RegisterInventoryServiceServer(server, depots)
	})
	var said, roles []string
	options := SeedOptions{
		Data: data, Server: testServer, Conn: conn, Try: "seaport",
		Token: func(role string) (string, error) {
			roles = append(roles, role)
			return adminToken, nil
		},
		Sayf: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) },
	}
	if err := Seed(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	if len(users.users) != 3 || len(vessels.vessels) != 1 || len(depots.origins) != 3 || !slices.Equal(roles, []string{"admin", "operator"}) {
		t.Errorf("%d users, %d vessels, %d depots, by %v", len(users.users), len(vessels.vessels), len(depots.origins), roles)
	}
	text := strings.Join(said, "\n")
	for _, want := range []string{"created sample users", "operator@seaport.example", "vessel vessel001", "depot Derby", "logged in as customer@seaport.example"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if info, err := os.Stat(filepath.Join(data, UsersFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("passwords are not kept: %v", err)
	}
	said = nil
	if err := Seed(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	want := []string{"the sample users, vessel and depots are there already", "the command line is logged in as customer@seaport.example"}
	if !slices.Equal(said, want) || len(users.users) != 3 || len(depots.origins) != 3 {
		t.Errorf("the second time it says %q", said)
	}
	options.Token = func(string) (string, error) { return "", errors.New("no key") }
	if err := Seed(t.Context(), options); err == nil {
		t.Error("it goes on without a token")
	}
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || asked.Add(1) <= 2 {
			http.Error(w, "user is not ready", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	var said []string
	sayf := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if err := WaitReady(t.Context(), address, sayf); err != nil || len(said) != 1 || !strings.Contains(said[0], "user is not ready") {
		t.Errorf("%v, it said %q", err, said)
	}
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	err := WaitReady(ctx, address, func(string, ...any) { cancel() })
	if err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("of a server that is gone it says %v", err)
	}
}
