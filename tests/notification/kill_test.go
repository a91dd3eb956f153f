package notification

import (
	"fmt"
	"math/rand/v2"
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
	killing.Go(func() {
		for n := range kills {
			work.Answered((n + 1) * bookings / (kills + 1))
			victim := []string{"notification", "notification.daprd"}[rand.IntN(2)]
			p.WaitRestarted(t, victim, p.Kill(t, victim))
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
	for _, n := range times {
		again += n - 1
	}
	// Eight mails are on their way at a time, and only a death of the service or its sidecar can repeat them.
	t.Logf("%d mails came again after %d kills", again, kills)
	if again > 8*kills {
		t.Errorf("%d mails came again: more than can have been on their way", again)
	}
}

// waitConfirmed waits for so many different confirmations and returns how often each came, by Message-ID.
func waitConfirmed(t *testing.T, p *platform.Platform, to string, count int) map[string]int {
	t.Helper()
	times := make(map[string]int)
	platform.Wait(t, 2*time.Minute, func() error {
		mails, err := p.ReadMails()
		if err != nil {
			return err
		}
		clear(times)
		for _, m := range about(mails, to, "confirmed") {
			times[m.MessageID]++
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
