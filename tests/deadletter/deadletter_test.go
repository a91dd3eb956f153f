package deadletter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const bookedType = "seaport.event.v1.ConsignmentBooked"

// An event that cannot be read, among a hundred good ones: those are handled, and it is a dead letter after its
// first delivery and one more try, since it is no use to wait for it.
func TestPoisonedAmongGood(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 100, 100_000), freight.Depot(t, c, 100)
	for i := range 100 {
		if i == 50 {
			p.Publish(t, "consignment", platform.Event{ID: "poison", Topic: "consignment.booked", Type: bookedType,
				ContentType: "application/json", Data: []byte(`{"weight": "heavy"}`)})
		}
		freight.Book(t, c, freight.Order(vessel, 10, depot))
	}
	audit.Wait(t, p, c, 30*time.Second) // every booking is confirmed
	for _, app := range []string{"vessel", "inventory", "notification"} {
		letter := waitLetter(t, p, app, "poison")
		if letter.GetTopic() != "consignment.booked" || letter.GetType() != bookedType || letter.GetAttempts() != 2 ||
			!strings.Contains(letter.GetReason(), "poison") || !strings.Contains(string(letter.GetData()), "heavy") || letter.GetCreateTime() == nil {
			t.Errorf("%s keeps %v", app, letter)
		}
	}
	admin := p.As(t, platform.Admin).Client(t)
	answer, err := admin.ReplayDeadLetters(t.Context(), &opsv1.ReplayDeadLettersRequest{AppId: "vessel", Ids: []string{"poison"}})
	if err != nil || answer.GetResults()[0].GetHandled() || !strings.Contains(answer.GetResults()[0].GetReason(), "read") {
		t.Errorf("replayed unmended: %v, %v", answer, err)
	}
	if discarded, err := admin.DiscardDeadLetters(t.Context(), &opsv1.DiscardDeadLettersRequest{AppId: "vessel", Ids: []string{"poison"}}); err != nil || discarded.GetDiscarded() != 1 {
		t.Errorf("discarded: %v, %v", discarded, err)
	}
	if left := letters(t, p, "vessel"); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// waitLetter returns a dead letter once the app keeps it.
func waitLetter(t *testing.T, p *platform.Platform, app, id string) (found *opsv1.DeadLetter) {
	t.Helper()
	platform.Wait(t, time.Minute, func() error {
		all := letters(t, p, app)
		i := slices.IndexFunc(all, func(l *opsv1.DeadLetter) bool { return l.GetId() == id })
		if i < 0 {
			return fmt.Errorf("%s does not keep %s", app, id)
		}
		found = all[i]
		return nil
	})
	return found
}

func letters(t *testing.T, p *platform.Platform, app string) []*opsv1.DeadLetter {
	t.Helper()
	list, err := p.As(t, platform.Admin).Client(t).ListDeadLetters(t.Context(), &opsv1.ListDeadLettersRequest{AppId: app})
	if err != nil {
		t.Fatal(err)
	}
	return list.GetDeadLetters()
}

// An event that can be read and not be handled is tried for as long as the policy says; when what was missing is
// there it is replayed, by the command line, and twice is as good as once.
func TestReplayAfterAFix(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	const vessel = "vessel-to-come"
	p.Publish(t, "consignment", platform.Event{ID: "early", Topic: "consignment.booked", Type: bookedType, ContentType: "application/json",
		Data: []byte(`{"consignment_id": "c-early", "vessel_id": "` + vessel + `", "weight": 10, "pickups": [{"origin": "Derby", "containers": 2}]}`)})
	letter := waitLetter(t, p, "vessel", "early")
	if letter.GetAttempts() < 9 {
		t.Errorf("given up after %d attempts: the policy allows eight repeats", letter.GetAttempts())
	}
	admin := p.As(t, platform.Admin)
	if out := admin.CLI(t, "", "deadletter", "list", "vessel"); out.Exit != 0 || !strings.Contains(out.Stdout, "early") {
		t.Errorf("listed: exit %d, %s%s", out.Exit, out.Stdout, out.Stderr)
	}
	if out := admin.CLI(t, "", "deadletter", "show", "vessel", "early"); out.Exit != 0 || !strings.Contains(out.Stdout, "c-early") || !strings.Contains(out.Stdout, "consignment.booked") {
		t.Errorf("shown: exit %d, %s%s", out.Exit, out.Stdout, out.Stderr)
	}
	if out := admin.CLI(t, "", "deadletter", "replay", "vessel", "early"); out.Exit == 0 {
		t.Errorf("replayed without its vessel: %s%s", out.Stdout, out.Stderr)
	}
	c := p.Client(t)
	if _, err := c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: vessel, Name: "Late arrival", Capacity: 5, MaxWeight: 100}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out := admin.CLI(t, "", "deadletter", "replay", "vessel", "early"); out.Exit != 0 {
			t.Errorf("replayed: exit %d, %s%s", out.Exit, out.Stdout, out.Stderr)
		}
		if room := freight.Room(t, c, vessel); room.GetFreeCapacity() != 3 {
			t.Errorf("%d free on the vessel, want 3", room.GetFreeCapacity())
		}
	}
	if left := letters(t, p, "vessel"); len(left) != 0 {
		t.Errorf("handled, and still there: %v", left)
	}
}
