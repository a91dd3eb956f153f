package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	failurev1 "seaport.example/proto/seaport/failure/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/rpc"
	"seaport.example/services/internal/failure"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// conn is another service: it checks the one request it expects and answers.
type conn struct {
	t      *testing.T
	method string
	want   proto.Message
	answer proto.Message
	err    error
	calls  int
}

func (c *conn) Invoke(_ context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	c.calls++
	if method != c.method || !proto.Equal(args.(proto.Message), c.want) {
		c.t.Errorf("called %s with %v\nwant   %s with %v", method, args, c.method, c.want)
	}
	if c.err == nil {
		proto.Merge(reply.(proto.Message), c.answer)
	}
	return c.err
}

func (c *conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("no streams here")
}

func consignments() []*consignment.Consignment {
	return []*consignment.Consignment{
		{ID: "c1", Weight: 550, Vessel: "vessel007", Containers: []consignment.Container{{Origin: "Manchester"}, {Origin: "Derby"}, {Origin: "Manchester"}}},
		{ID: "c2", Weight: 7, Vessel: "vessel001", Containers: []consignment.Container{{Origin: "Derby"}}},
	}
}

// lots is two bookings with holds to themselves.
func lots() []*consignment.Lot {
	c := consignments()
	return []*consignment.Lot{
		{ID: "c1", Vessel: "vessel007", Bookings: []*consignment.Booking{{Wished: "vessel007", Consignment: *c[0]}}},
		{ID: "c2", Vessel: "vessel001", Bookings: []*consignment.Booking{{Consignment: *c[1]}}},
	}
}

// shared is the same two bookings in one lot.
func shared() []*consignment.Lot {
	c := consignments()
	return []*consignment.Lot{{ID: "lot1", Vessel: "vessel007", Bookings: []*consignment.Booking{{Consignment: *c[0]}, {Consignment: *c[1]}}}}
}

// short is a refusal of one item of a batch.
var short = &failurev1.Failure{
	Code: int32(codes.FailedPrecondition), Message: "weight: too heavy",
	Violations: []*failurev1.Violation{{Field: "weight", Description: "too heavy", Type: failure.ShortOfWeight}},
}

func isShort(err error) bool {
	e, ok := errors.AsType[*failure.Error](err)
	return ok && e.Code() == codes.FailedPrecondition && len(e.Violations()) == 1 &&
		e.Violations()[0] == failure.Violation{Field: "weight", Description: "too heavy", Type: "WEIGHT"}
}

func TestVesselsHold(t *testing.T) {
	t.Parallel()
	c := &conn{t: t, method: vesselv1.VesselService_HoldCapacity_FullMethodName,
		want: &vesselv1.HoldCapacityRequest{Holds: []*vesselv1.CapacityHold{
			{ConsignmentId: "c1", Containers: 3, Weight: 550, VesselId: "vessel007"}, {ConsignmentId: "c2", Containers: 1, Weight: 7},
		}},
		answer: &vesselv1.HoldCapacityResponse{Results: []*vesselv1.HoldCapacityResult{
			{Result: &vesselv1.HoldCapacityResult_Failure{Failure: short}},
			{Result: &vesselv1.HoldCapacityResult_Held{Held: &vesselv1.HeldCapacity{VesselId: "vessel002", ExpireTime: timestamppb.New(noon)}}},
		}},
	}
	asked := lots()
	asked[1].Vessel = ""
	errs := rpc.NewVessels(c).Hold(t.Context(), asked)
	if len(errs) != 2 || !isShort(errs[0]) || errs[1] != nil || asked[1].Vessel != "vessel002" || !asked[1].Expires.Equal(noon) {
		t.Errorf("Hold = %v, second is on %q until %s", errs, asked[1].Vessel, asked[1].Expires)
	}
}

func TestDepotsHold(t *testing.T) {
	t.Parallel()
	answer := func(expires time.Time) *inventoryv1.HoldContainersResponse {
		return &inventoryv1.HoldContainersResponse{Results: []*inventoryv1.HoldContainersResult{
			{Result: &inventoryv1.HoldContainersResult_Held{Held: &inventoryv1.HeldContainers{ExpireTime: timestamppb.New(expires)}}},
			{Result: &inventoryv1.HoldContainersResult_Failure{Failure: short}},
		}}
	}
	for _, expires := range []time.Time{noon.Add(-time.Second), noon.Add(time.Second)} {
		c := &conn{t: t, method: inventoryv1.InventoryService_HoldContainers_FullMethodName, answer: answer(expires),
			want: &inventoryv1.HoldContainersRequest{Holds: []*inventoryv1.ContainerHold{
				{ConsignmentId: "c1", Pickups: []*inventoryv1.Pickup{{Origin: "Manchester", Containers: 2}, {Origin: "Derby", Containers: 1}}},
				{ConsignmentId: "c2", Pickups: []*inventoryv1.Pickup{{Origin: "Derby", Containers: 1}}},
			}}}
		asked := lots()
		asked[0].Expires = noon // that of the room
		errs := rpc.NewDepots(c).Hold(t.Context(), asked)
		first := noon
		if expires.Before(noon) {
			first = expires
		}
		if len(errs) != 2 || errs[0] != nil || !isShort(errs[1]) || !asked[0].Expires.Equal(first) {
			t.Errorf("Hold = %v, expires %s, want the first of %s and %s", errs, asked[0].Expires, noon, expires)
		}
	}
}

// A lot asks for the sum of its bookings, once.
func TestLotIsOneHold(t *testing.T) {
	t.Parallel()
	v := &conn{t: t, method: vesselv1.VesselService_HoldCapacity_FullMethodName,
		want: &vesselv1.HoldCapacityRequest{Holds: []*vesselv1.CapacityHold{{ConsignmentId: "lot1", Containers: 4, Weight: 557}}},
		answer: &vesselv1.HoldCapacityResponse{Results: []*vesselv1.HoldCapacityResult{
			{Result: &vesselv1.HoldCapacityResult_Held{Held: &vesselv1.HeldCapacity{VesselId: "vessel002", ExpireTime: timestamppb.New(noon)}}},
		}}}
	d := &conn{t: t, method: inventoryv1.InventoryService_HoldContainers_FullMethodName,
		want: &inventoryv1.HoldContainersRequest{Holds: []*inventoryv1.ContainerHold{
			{ConsignmentId: "lot1", Pickups: []*inventoryv1.Pickup{{Origin: "Manchester", Containers: 2}, {Origin: "Derby", Containers: 2}}},
		}},
		answer: &inventoryv1.HoldContainersResponse{Results: []*inventoryv1.HoldContainersResult{
			{Result: &inventoryv1.HoldContainersResult_Held{Held: &inventoryv1.HeldContainers{ExpireTime: timestamppb.New(noon.Add(time.Hour))}}},
		}}}
	asked := shared()
	if errs := rpc.NewVessels(v).Hold(t.Context(), asked); errs[0] != nil || asked[0].Vessel != "vessel002" || !asked[0].Expires.Equal(noon) {
		t.Errorf("Hold = %v, on %q until %s", errs, asked[0].Vessel, asked[0].Expires)
	}
	if errs := rpc.NewDepots(d).Hold(t.Context(), asked); errs[0] != nil || !asked[0].Expires.Equal(noon) {
		t.Errorf("Hold = %v, until %s", errs, asked[0].Expires)
	}
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lots []*consignment.Lot
		want []*vesselv1.CapacityRelease
	}{
		{lots(), []*vesselv1.CapacityRelease{{ConsignmentId: "c1", VesselId: "vessel007"}, {ConsignmentId: "c2", VesselId: "vessel001"}}},
		{shared(), []*vesselv1.CapacityRelease{{ConsignmentId: "lot1", VesselId: "vessel007"}}},
	} {
		v := &conn{t: t, method: vesselv1.VesselService_ReleaseCapacity_FullMethodName, answer: &vesselv1.ReleaseCapacityResponse{},
			want: &vesselv1.ReleaseCapacityRequest{Releases: c.want}}
		if err := rpc.NewVessels(v).Abandon(t.Context(), c.lots); err != nil || v.calls != 1 {
			t.Errorf("Abandon = %v, %d calls", err, v.calls)
		}
		v.err = status.Error(codes.Unavailable, "away")
		if rpc.NewVessels(v).Abandon(t.Context(), c.lots) == nil {
			t.Error("an error was kept back")
		}
	}
}

// A cancelled consignment gives back its own holds, or its part of those of its lot.
func TestRelease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		lot        string
		room       []*vesselv1.CapacityRelease
		containers []*inventoryv1.ContainerRelease
	}{
		{"alone", "",
			[]*vesselv1.CapacityRelease{{ConsignmentId: "c1", VesselId: "vessel007", Cancelled: true}, {ConsignmentId: "c2", VesselId: "vessel001", Cancelled: true}},
			[]*inventoryv1.ContainerRelease{
				{ConsignmentId: "c1", Origins: []string{"Manchester", "Derby"}, Cancelled: true},
				{ConsignmentId: "c2", Origins: []string{"Derby"}, Cancelled: true},
			}},
		{"of a lot", "lot1",
			[]*vesselv1.CapacityRelease{
				{ConsignmentId: "c1", VesselId: "vessel007", Cancelled: true, LotId: "lot1", Containers: 3, Weight: 550},
				{ConsignmentId: "c2", VesselId: "vessel001", Cancelled: true, LotId: "lot1", Containers: 1, Weight: 7},
			},
			[]*inventoryv1.ContainerRelease{
				{ConsignmentId: "c1", Cancelled: true, LotId: "lot1", Pickups: []*inventoryv1.Pickup{{Origin: "Manchester", Containers: 2}, {Origin: "Derby", Containers: 1}}},
				{ConsignmentId: "c2", Cancelled: true, LotId: "lot1", Pickups: []*inventoryv1.Pickup{{Origin: "Derby", Containers: 1}}},
			}},
	} {
		v := &conn{t: t, method: vesselv1.VesselService_ReleaseCapacity_FullMethodName, answer: &vesselv1.ReleaseCapacityResponse{},
			want: &vesselv1.ReleaseCapacityRequest{Releases: c.room}}
		d := &conn{t: t, method: inventoryv1.InventoryService_ReleaseContainers_FullMethodName, answer: &inventoryv1.ReleaseContainersResponse{},
			want: &inventoryv1.ReleaseContainersRequest{Releases: c.containers}}
		cancelled := consignments()
		for _, one := range cancelled {
			one.Lot = c.lot
		}
		if err := rpc.NewVessels(v).Release(t.Context(), cancelled); err != nil || v.calls != 1 {
			t.Errorf("%s: room: %v, %d calls", c.name, err, v.calls)
		}
		if err := rpc.NewDepots(d).Release(t.Context(), cancelled); err != nil || d.calls != 1 {
			t.Errorf("%s: containers: %v, %d calls", c.name, err, d.calls)
		}
		v.err, d.err = status.Error(codes.Unavailable, "away"), status.Error(codes.Unavailable, "away")
		if rpc.NewVessels(v).Release(t.Context(), cancelled) == nil || rpc.NewDepots(d).Release(t.Context(), cancelled) == nil {
			t.Errorf("%s: an error was kept back", c.name)
		}
	}
}

// A call that fails, or is not answered in full, fails for every booking; nobody is asked for none.
func TestHoldFails(t *testing.T) {
	t.Parallel()
	away := status.Error(codes.Unavailable, "away")
	for _, c := range []struct {
		name     string
		bookings int
		err      error
		calls    int
	}{
		{"away", 2, away, 1},
		{"short answer", 2, nil, 1},
		{"none", 0, nil, 0},
	} {
		asked := lots()[:c.bookings]
		v, d := &anything{err: c.err}, &anything{err: c.err}
		for service, errs := range map[string][]error{
			"vessel":    rpc.NewVessels(v).Hold(t.Context(), asked),
			"inventory": rpc.NewDepots(d).Hold(t.Context(), asked),
		} {
			if len(errs) != c.bookings {
				t.Errorf("%s, %s: %d errors for %d bookings", c.name, service, len(errs), c.bookings)
			}
			for i, err := range errs {
				if err == nil || c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("%s, %s: booking %d got %v", c.name, service, i, err)
				}
			}
		}
		if v.calls != c.calls || d.calls != c.calls {
			t.Errorf("%s: %d and %d calls, want %d", c.name, v.calls, d.calls, c.calls)
		}
	}
}

// anything answers every call with an error, or with nothing.
type anything struct {
	conn

	err   error
	calls int
}

func (a *anything) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	a.calls++
	return a.err
}
