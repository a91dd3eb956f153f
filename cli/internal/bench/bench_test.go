package bench

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

func TestPlanSlices(t *testing.T) {
	tests := []struct {
		name    string
		plan    Plan
		callers int
		usual   time.Duration
		want    []quota
	}{
		{"short", Plan{Duration: 100 * time.Millisecond}, 1, 0, []quota{{length: 100 * time.Millisecond}}},
		{"two seconds", Plan{Duration: 2 * time.Second}, 64, 0, slices.Repeat([]quota{{length: 500 * time.Millisecond}}, 4)},
		{"slow bookings", Plan{Duration: 2 * time.Second}, 64, 100 * time.Millisecond, slices.Repeat([]quota{{length: time.Second}}, 2)},
		{"very slow bookings", Plan{Duration: 2 * time.Second}, 64, time.Minute, []quota{{length: 2 * time.Second}}},
		{"few calls", Plan{Count: 5}, 2, 0, []quota{{calls: 5}}},
		{"calls that do not divide", Plan{Count: 32}, 1, 0, []quota{{calls: 11}, {calls: 11}, {calls: 10}}},
		{"many calls", Plan{Count: 1000}, 1, 0, slices.Repeat([]quota{{calls: 100}}, 10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.plan.slices(tt.callers, tt.usual); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPlanCheck(t *testing.T) {
	good := Plan{App: "a", Callers: []int{1}, Duration: time.Second}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Plan){
		"no app":            func(p *Plan) { p.App = "" },
		"no callers":        func(p *Plan) { p.Callers = nil },
		"zero callers":      func(p *Plan) { p.Callers = []int{1, 0} },
		"too many callers":  func(p *Plan) { p.Callers = []int{10_001} },
		"neither":           func(p *Plan) { p.Duration = 0 },
		"negative duration": func(p *Plan) { p.Duration = -1 },
		"negative warm-up":  func(p *Plan) { p.Warmup = -1 },
		"calls too few":     func(p *Plan) { p.Duration, p.Count, p.Callers = 0, 5, []int{6} },
	} {
		plan := good
		spoil(&plan)
		if plan.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSliceCountsExactly(t *testing.T) {
	failures := &tally{call: "ping"}
	l := newLoad(7, failures)
	var calls atomic.Int64
	for _, n := range []int{100, 53} {
		succeeded, failed := l.slice(t.Context(), quota{calls: n}, func(context.Context, int) error {
			if calls.Add(1)%10 == 0 {
				return status.Error(codes.Unavailable, "away")
			}
			return nil
		})
		if succeeded+failed != n {
			t.Errorf("%d succeeded, %d failed of %d", succeeded, failed, n)
		}
	}
	f := l.figures()
	if calls.Load() != 153 || f.Calls != 138 || f.Failed != 15 {
		t.Errorf("%d calls: %+v", calls.Load(), f)
	}
	if len(failures.kinds) != 1 || failures.kinds[0].Count != 15 {
		t.Errorf("failures %+v", failures.kinds)
	}
	if want := float64(f.Calls) / f.Elapsed.Seconds(); f.PerSecond != want {
		t.Errorf("%v/s, want %v", f.PerSecond, want)
	}
}

func TestSliceCallersAreAtOnce(t *testing.T) {
	const callers = 5
	l := newLoad(callers, &tally{})
	inside := make(chan struct{}, callers)
	all := make(chan struct{})
	var once atomic.Bool
	l.slice(t.Context(), quota{length: time.Nanosecond}, func(ctx context.Context, _ int) error {
		inside <- struct{}{}
		if len(inside) == callers && once.CompareAndSwap(false, true) {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if f := l.figures(); f.Calls != callers {
		t.Errorf("%+v", f)
	}
}

func TestSliceEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := newLoad(3, &tally{})
	_, failed := l.slice(ctx, quota{length: time.Hour}, func(ctx context.Context, caller int) error {
		if caller == 0 {
			cancel()
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if failed != 0 {
		t.Errorf("the interruption counts as %d failures", failed)
	}
}

func TestTallyIsBounded(t *testing.T) {
	failures := &tally{call: "booking"}
	for i := range 100 {
		failures.add(errors.New(string(rune('a' + i%30))))
	}
	total := 0
	for _, f := range failures.kinds {
		total += f.Count
	}
	if total != 100 || len(failures.kinds) != maxKinds+1 {
		t.Errorf("%d failures of %d kinds", total, len(failures.kinds))
	}
}

type fakeVessels struct {
	vesselv1.VesselServiceClient
	created []string
	pending []int32 // of the fleet, one a look; the last stays
}

func (f *fakeVessels) CreateVessel(_ context.Context, req *vesselv1.CreateVesselRequest, _ ...grpc.CallOption) (*vesselv1.CreateVesselResponse, error) {
	f.created = append(f.created, req.GetId())
	return &vesselv1.CreateVesselResponse{}, nil
}

func (f *fakeVessels) ListVessels(context.Context, *vesselv1.ListVesselsRequest, ...grpc.CallOption) (*vesselv1.ListVesselsResponse, error) {
	now := f.pending[0]
	if len(f.pending) > 1 {
		f.pending = f.pending[1:]
	}
	return &vesselv1.ListVesselsResponse{Vessels: []*vesselv1.Vessel{{PendingHolds: now}, {}}}, nil
}

type fakeDepots struct {
	inventoryv1.InventoryServiceClient
	stocked int32
}

func (f *fakeDepots) StockDepot(_ context.Context, req *inventoryv1.StockDepotRequest, _ ...grpc.CallOption) (*inventoryv1.StockDepotResponse, error) {
	f.stocked += req.GetContainers()
	return &inventoryv1.StockDepotResponse{}, nil
}

func (f *fakeDepots) ListDepots(context.Context, *inventoryv1.ListDepotsRequest, ...grpc.CallOption) (*inventoryv1.ListDepotsResponse, error) {
	return &inventoryv1.ListDepotsResponse{}, nil
}

func TestFleetHasRoomForWhatIsToCome(t *testing.T) {
	vessels, depots := &fakeVessels{}, &fakeDepots{}
	f := &fleet{vessels: vessels, depots: depots, run: "bench-1"}
	booked := 0
	for _, n := range []int{1, perVessel, 3 * perVessel, 10} {
		if err := f.reserve(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if room := len(vessels.created)*perVessel - booked; room < n || room > n+perVessel {
			t.Errorf("room for %d where %d were asked for", room, n)
		}
		if left := int(depots.stocked) - booked; left < n {
			t.Errorf("%d containers where %d were asked for", left, n)
		}
		f.use(n)
		booked += n
	}
	if slices.Sort(vessels.created); len(slices.Compact(vessels.created)) != 5 {
		t.Errorf("vessels %v", vessels.created)
	}
}

func TestSettleWaitsForTheLastHold(t *testing.T) {
	f := &fleet{vessels: &fakeVessels{pending: []int32{9, 4, 1, 0}}, depots: &fakeDepots{}}
	_, quiet, err := f.settle(t.Context())
	if err != nil || !quiet {
		t.Errorf("quiet %t, %v", quiet, err)
	}
	if left := f.vessels.(*fakeVessels).pending; len(left) != 1 {
		t.Errorf("stopped looking before %v", left)
	}
}
