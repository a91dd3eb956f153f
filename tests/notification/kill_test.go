package notification

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const (
	bookings = 1_000
	kills    = 10
)

// A thousand bookings, each event announced twice, while the notification service and its sidecar are killed
// at random ten times: a mail for each, and none of them lost. A mail comes again only if the service died
// between the mail server's word and its own note of it, with the same Message-ID.
func TestEveryBookingIsConfirmedByMail(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_LEASE=5s", "--env", "SEAPORT_LIMITS=off")
	c := p.Client(t)
	user := p.Register(t)
	vessel, depot := freight.Vessel(t, c, bookings+1, 1_000_000), freight.Depot(t, c, bookings+1)
	orders := freight.Orders(bookings+1, vessel, 10, depot)
	last := orders[bookings]
	orders = orders[:bookings]
	for _, order := range append(orders, last) {
		order.CustomerId = user.UserID
	}
	work := freight.Callers{Client: c, Count: 4, Insist: time.Minute}.Start(t.Context(), orders)
	var killing sync.WaitGroup
	var deaths []time.Time
	killing.Go(func() {
		for n := range kills {
			work.Answered((n + 1) * bookings / (kills + 1))
			victim := []string{"notification", "notification.daprd"}[rand.IntN(2)]
			killed := p.Kill(t, victim)
			deaths = append(deaths, time.Now())
			p.WaitRestarted(t, victim, killed)
		}
	})
	booked, refused := freight.Split(work.Results())
	if len(refused) > 0 {
		t.Fatalf("%d bookings refused: %v", len(refused), refused[0].Err)
	}
	for _, b := range booked {
		announceAgain(t, p, b.Booked)
	}
	killing.Wait()

	waitConfirmed(t, p, user.Email, bookings)
	// Events of a topic are handled one after another: when the last one's mail is there, so are all that the
	// events announced again could have called for.
	freight.Book(t, c, last)
	times := waitConfirmed(t, p, user.Email, bookings+1)
	again := 0
	for id, taken := range times {
		for i, first := range taken[:len(taken)-1] {
			if again++; !onItsWay(first, taken[i+1], deaths) {
				t.Errorf("%s came at %s and again at %s, and nobody died between the mail server's word and the note of it", id, first, taken[i+1])
			}
		}
	}
	// Eight mails are on their way at a time.
	t.Logf("%d mails came again after %d kills", again, kills)
	if again > 8*kills {
		t.Errorf("%d mails came again: more than can have been on their way", again)
	}
}

// onItsWay says whether a mail that came twice was on its way when somebody died: the mail server took it at about
// that time, and had it again after that.
func onItsWay(first, second time.Time, deaths []time.Time) bool {
	const note = 3 * time.Second // that it takes at most, on a busy machine, to write down what was sent
	return slices.ContainsFunc(deaths, func(death time.Time) bool {
		return death.Sub(first).Abs() < note && second.After(death)
	})
}

// waitConfirmed waits for so many different confirmations and returns when each came, by Message-ID.
func waitConfirmed(t *testing.T, p *platform.Platform, to string, count int) map[string][]time.Time {
	t.Helper()
	times := make(map[string][]time.Time)
	platform.Wait(t, 2*time.Minute, func() error {
		mails, err := p.ReadMails()
		if err != nil {
			return err
		}
		clear(times)
		for _, m := range about(mails, to, "confirmed") {
			times[m.MessageID] = append(times[m.MessageID], m.Time)
		}
		if len(times) < count {
			return fmt.Errorf("%d mails of %d", len(times), count)
		}
		return nil
	})
	if len(times) > count {
		t.Errorf("%d different Message-IDs, want %d", len(times), count)
	}
	return times
}

// announceAgain publishes the event of a booking once more, as a broker does that delivers twice.
func announceAgain(t *testing.T, p *platform.Platform, c *consignmentv1.Consignment) {
	t.Helper()
	data, err := protojson.Marshal(&eventv1.ConsignmentBooked{
		ConsignmentId: c.GetId(), CustomerId: c.GetCustomerId(), VesselId: c.GetVesselId(), Description: c.GetDescription(),
		Weight: c.GetWeight(), Pickups: []*eventv1.Pickup{{Origin: c.GetContainers()[0].GetOrigin(), Containers: 1}},
		BookTime: timestamppb.New(c.GetCreateTime().AsTime()),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Publish(t, "consignment", platform.Event{
		ID: c.GetId() + ".booked", Topic: "consignment.booked", Type: "seaport.event.v1.ConsignmentBooked", ContentType: "application/json", Data: data,
	})
}
