// Package daprcli shows that `dapr run -f dapr.yaml` works: the commands that README.md names, with the real Dapr CLI, in
// a folder like a new clone. `make test-dapr-cli` runs it.
package daprcli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"seaport.example/tests/platform"
)

// asked is the environment variable that make test-dapr-cli sets.
const asked = "SEAPORT_TEST_DAPR_CLI"

var apps = []string{"consignment", "gateway", "inventory", "mail", "notification", "user", "vessel"}

func TestDaprRun(t *testing.T) {
	if os.Getenv(asked) == "" {
		t.Skip("make test-dapr-cli runs it")
	}
	c := newClone(t)
	c.needPorts(t)
	c.startRedis(t)
	before := c.files(t, "services")
	c.checkForgotten(t)
	c.run(t, "make", "secrets")

	// First with Ctrl-C at the end.
	cli := c.start(t, c.folder, "dapr.yaml")
	seeded := c.seed(t)
	for _, want := range []string{"created sample users", "vessel vessel001", "depot Derby", "logged in as customer@seaport.example"} {
		if !strings.Contains(seeded, want) {
			t.Errorf("seaport seed does not say %q:\n%s", want, seeded)
		}
	}
	c.checkList(t, cli)
	c.checkSockets(t)
	id := c.book(t)
	c.checkMails(t, id)
	c.checkOperator(t)
	cli.end(t, func() error { return syscall.Kill(-cli.pid(), syscall.SIGINT) }) // what a terminal sends
	c.checkGone(t)

	// Once more, from another folder: everything is still there. Now with dapr stop.
	cli = c.start(t, t.TempDir(), c.folder)
	if again := c.seed(t); !strings.Contains(again, "are there already") {
		t.Errorf("the second seaport seed says:\n%s", again)
	}
	if list := c.run(t, "bin/seaport", "consignment", "list"); !strings.Contains(list, id) {
		t.Errorf("booking %s is not there after a restart:\n%s", id, list)
	}
	cli.end(t, func() error {
		c.run(t, "dapr", "stop", "-f", "dapr.yaml")
		return nil
	})
	c.checkGone(t)

	if after := c.files(t, "services"); !slices.Equal(before, after) {
		t.Errorf("services/ held\n%v\nand holds\n%v", before, after)
	}
	if got, want := c.added(t), []string{".dapr", ".seaport", "bin"}; !slices.Equal(got, want) {
		t.Errorf("the project's root has got %v, want %v", got, want)
	}
}

// checkForgotten sees that the CLI says at once that make secrets was forgotten.
func (c *clone) checkForgotten(t *testing.T) {
	t.Helper()
	out, err := c.command(t, "dapr", "run", "-f", "dapr.yaml").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte(filepath.Join(c.folder, ".seaport", "dapr"))) {
		t.Fatalf("dapr run before make secrets: %v\n%s", err, out)
	}
}

// seed seeds the platform once it is ready, and returns what that said.
func (c *clone) seed(t *testing.T) string {
	t.Helper()
	begin := time.Now()
	said := c.run(t, "bin/seaport", "seed", "--data", ".seaport/dapr", "--wait", "3m")
	t.Logf("ready and seeded after %s", time.Since(begin).Round(100*time.Millisecond))
	return said
}

// checkList sees all apps in dapr list.
func (c *clone) checkList(t *testing.T, cli *running) {
	t.Helper()
	platform.Wait(t, time.Minute, func() error {
		var list []struct {
			AppID  string `json:"appId"`
			CLI    int    `json:"cliPid"`
			AppPID int    `json:"appPid"`
			Run    string `json:"runTemplatePath"`
		}
		out := c.run(t, "dapr", "list", "-o", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return fmt.Errorf("dapr list: %w\n%s", err, out)
		}
		var found []string
		for _, app := range list {
			if app.CLI == cli.pid() && app.AppPID != 0 && app.Run == filepath.Join(c.folder, "dapr.yaml") {
				found = append(found, app.AppID)
			}
		}
		slices.Sort(found)
		if !slices.Equal(found, apps) {
			return fmt.Errorf("dapr list shows %v of this run, want %v", found, apps)
		}
		return nil
	})
}

// checkSockets sees that apps and the APIs of sidecars are for this machine alone. Where the internal and metrics ports listen
// cannot be told to the CLI.
func (c *clone) checkSockets(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	open := platform.ListeningHere(t)
	for _, port := range c.ports(t) {
		if port.key == "daprInternalGRPCPort" || port.key == "metricsPort" {
			continue
		}
		found := slices.IndexFunc(open, func(a netip.AddrPort) bool { return int(a.Port()) == port.number })
		if found < 0 || !open[found].Addr().IsLoopback() {
			t.Errorf("%s %d: listens on %v", port.key, port.number, open[max(found, 0)])
		}
	}
}

// book books the sample consignment as whoever is logged in, and returns its id.
func (c *clone) book(t *testing.T) string {
	t.Helper()
	if who := c.run(t, "bin/seaport", "whoami"); !strings.Contains(who, "customer@seaport.example") {
		t.Errorf("whoami: %s", who)
	}
	var booked struct {
		Consignment struct {
			ID     string `json:"id"`
			Vessel string `json:"vessel_id"`
		} `json:"consignment"`
	}
	out := c.run(t, "bin/seaport", "consignment", "create", "examples/consignment.json", "--output", "json")
	if err := json.Unmarshal([]byte(out), &booked); err != nil || booked.Consignment.ID == "" || booked.Consignment.Vessel != "vessel001" {
		t.Fatalf("booking: %v\n%s", err, out)
	}
	return booked.Consignment.ID
}

// checkMails waits for the welcome of each sample user and for the confirmation of a booking.
func (c *clone) checkMails(t *testing.T, id string) {
	t.Helper()
	platform.Wait(t, time.Minute, func() error {
		var list struct {
			Mails []struct{ ID, To, Subject string } `json:"mails"`
		}
		out := c.run(t, "bin/seaport", "mail", "list", "--data", ".seaport/dapr", "--output", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return fmt.Errorf("mail list: %w\n%s", err, out)
		}
		if len(list.Mails) != 4 {
			return fmt.Errorf("%d mails, want three welcomes and a confirmation:\n%s", len(list.Mails), out)
		}
		for _, mail := range list.Mails {
			shown := c.run(t, "bin/seaport", "mail", "show", mail.ID, "--data", ".seaport/dapr")
			if strings.Contains(mail.To, "customer@seaport.example") && strings.Contains(shown, id) {
				return nil
			}
		}
		return fmt.Errorf("no mail to the customer tells of %s:\n%s", id, out)
	})
}

// checkOperator logs in as the operator, with the password that seaport seed has kept, and looks at the fleet.
func (c *clone) checkOperator(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.folder, ".seaport", "dapr", "users.json"))
	if err != nil {
		t.Fatal(err)
	}
	var users []struct{ Role, Email, Password string }
	if err := json.Unmarshal(content, &users); err != nil {
		t.Fatal(err)
	}
	for _, user := range users {
		if user.Role == "operator" {
			c.runWith(t, user.Password+"\n", "bin/seaport", "login", "--email", user.Email)
		}
	}
	// What the booking holds is confirmed by its event.
	platform.Wait(t, time.Minute, func() error {
		var list struct {
			Vessels []struct {
				Free    int `json:"free_capacity"`
				Pending int `json:"pending_holds"`
			} `json:"vessels"`
		}
		out := c.run(t, "bin/seaport", "vessel", "list", "--output", "json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return fmt.Errorf("vessel list: %w\n%s", err, out)
		}
		if len(list.Vessels) != 1 || list.Vessels[0].Free != 497 || list.Vessels[0].Pending != 0 {
			return fmt.Errorf("the booking is not confirmed with the vessel:\n%s", out)
		}
		return nil
	})
}

// checkGone sees that nothing is left of a run.
func (c *clone) checkGone(t *testing.T) {
	t.Helper()
	if left := c.processes(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	c.needPorts(t)
	if list := c.run(t, "dapr", "list", "-o", "json"); bytes.Contains([]byte(list), []byte(c.folder)) {
		t.Errorf("dapr list shows apps of a run that has ended: %s", list)
	}
}
