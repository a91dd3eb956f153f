package bench

import (
	"context"
	"fmt"
	"math"
	"time"

	"google.golang.org/grpc"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

const (
	// bookingWeight, in kilograms, is more than the sample vessel carries: a benchmark must not
	// fill what people try things with.
	bookingWeight = 201_000
	// perVessel is how many bookings a bench vessel takes.
	perVessel = math.MaxInt32 / bookingWeight
	// perStock is how many containers are stocked at a time.
	perStock = 1_000_000
	// page is the most vessels and depots looked at when waiting for quiet.
	page = 200
)

// fleet is the room that the bookings of a run go to: vessels and a depot of its own, so that
// nothing is refused for want of room.
type fleet struct {
	vessels  vesselv1.VesselServiceClient
	depots   inventoryv1.InventoryServiceClient
	run      string // names everything of the run
	origin   string // of every container
	afloat   int    // vessels created
	freeRoom int    // bookings that still fit, for certain
	stocked  int    // containers not yet asked for
}

func newFleet(conn grpc.ClientConnInterface, run string) *fleet {
	return &fleet{
		vessels: vesselv1.NewVesselServiceClient(conn),
		depots:  inventoryv1.NewInventoryServiceClient(conn),
		run:     run,
		origin:  run,
	}
}

// reserve sees to it that so many more bookings fit.
func (f *fleet) reserve(ctx context.Context, bookings int) error {
	for f.freeRoom < bookings {
		id := fmt.Sprintf("%s-%d", f.run, f.afloat)
		_, err := f.vessels.CreateVessel(ctx, &vesselv1.CreateVesselRequest{
			Id: id, Name: "Benchmark " + id, Capacity: math.MaxInt32, MaxWeight: math.MaxInt32, OwnerId: "bench",
		})
		if err != nil {
			return fmt.Errorf("create bench vessel %s: %w", id, err)
		}
		f.afloat++
		f.freeRoom += perVessel
	}
	for f.stocked < bookings {
		_, err := f.depots.StockDepot(ctx, &inventoryv1.StockDepotRequest{Origin: f.origin, Containers: perStock})
		if err != nil {
			return fmt.Errorf("stock bench depot %s: %w", f.origin, err)
		}
		f.stocked += perStock
	}
	return nil
}

// use counts bookings, and what may have been one, off the room.
func (f *fleet) use(bookings int) {
	f.freeRoom -= bookings
	f.stocked -= bookings
}

// settleWithin is how long a platform may take to confirm its holds before the bench goes on.
const settleWithin = 10 * time.Second

// settle waits until no vessel and no depot has a hold that is not confirmed: until the events of
// the bookings before were handled. It returns how long that took, and whether it came to it.
func (f *fleet) settle(ctx context.Context) (took time.Duration, quiet bool, err error) {
	begin := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		pending, err := f.pending(ctx)
		if took = time.Since(begin); err != nil || pending == 0 || took > settleWithin {
			return took, pending == 0, err
		}
		select {
		case <-ctx.Done():
			return took, false, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (f *fleet) pending(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	vessels, err := f.vessels.ListVessels(ctx, &vesselv1.ListVesselsRequest{PageSize: page})
	if err != nil {
		return 0, fmt.Errorf("list vessels: %w", err)
	}
	depots, err := f.depots.ListDepots(ctx, &inventoryv1.ListDepotsRequest{PageSize: page})
	if err != nil {
		return 0, fmt.Errorf("list depots: %w", err)
	}
	pending := 0
	for _, v := range vessels.GetVessels() {
		pending += int(v.GetPendingHolds())
	}
	for _, d := range depots.GetDepots() {
		pending += int(d.GetPendingHolds())
	}
	return pending, nil
}
