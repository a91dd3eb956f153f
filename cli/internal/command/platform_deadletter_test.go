package command

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// sampleLetters are the dead letters of the fake, the newest first.
var sampleLetters = []*opsv1.DeadLetter{
	{
		Id: "e3.booked", Topic: "consignment.booked", Type: "seaport.event.v1.ConsignmentBooked", ContentType: "application/json",
		Data:   []byte("{\"consignment_id\":\"e3\",\"weight\":12345678901234567890,\"description\":\"red \u009b2J\",\"containers\":[]} \r\n"),
		Reason: "user \"u1\" has no address, and this reason goes on for longer than a table has room for in one cell", Attempts: 12,
		CreateTime: noon, UpdateTime: timestamppb.New(noon.AsTime().AddDate(0, 0, 1)),
	},
	{
		Id: "e2\x1b[2J", Topic: "user.created\n", Type: "turned \u202e", ContentType: "application/\x07", Data: []byte("\x00\xffcargo"),
		Reason: "red \x1b[31m\nline", Attempts: 1, CreateTime: noon, UpdateTime: noon,
	},
	{Id: "e1", Reason: "cannot be read", Attempts: 1, CreateTime: noon, UpdateTime: noon},
}

// ListDeadLetters has two pages, of two dead letters and of one.
func (o *ops) ListDeadLetters(_ context.Context, req *opsv1.ListDeadLettersRequest) (*opsv1.ListDeadLettersResponse, error) {
	if o.letters != nil {
		return o.letters.list(req)
	}
	resp := &opsv1.ListDeadLettersResponse{}
	switch {
	case req.GetAppId() != "notification":
		return resp, nil
	case len(req.GetIds()) > 0:
		for _, letter := range sampleLetters {
			if slices.Contains(req.GetIds(), letter.GetId()) {
				resp.DeadLetters = append(resp.DeadLetters, letter)
			}
		}
	case req.GetPageToken() == "":
		resp.DeadLetters, resp.NextPageToken = sampleLetters[:2], "second page"
	default:
		resp.DeadLetters = sampleLetters[2:]
	}
	return resp, nil
}

// ReplayDeadLetters handles what is not hostile.
func (o *ops) ReplayDeadLetters(_ context.Context, req *opsv1.ReplayDeadLettersRequest) (*opsv1.ReplayDeadLettersResponse, error) {
	if o.letters != nil {
		return o.letters.replay(req)
	}
	resp := &opsv1.ReplayDeadLettersResponse{}
	for _, id := range req.GetIds() {
		result := &opsv1.ReplayResult{Id: id, Handled: id != sampleLetters[1].GetId()}
		if !result.GetHandled() {
			result.Reason = sampleLetters[1].GetReason()
		}
		resp.Results = append(resp.Results, result)
	}
	return resp, nil
}

// DiscardDeadLetters finds those of the samples only.
func (o *ops) DiscardDeadLetters(_ context.Context, req *opsv1.DiscardDeadLettersRequest) (*opsv1.DiscardDeadLettersResponse, error) {
	if o.letters != nil {
		return o.letters.discard(req)
	}
	resp := &opsv1.DiscardDeadLettersResponse{}
	for _, letter := range sampleLetters {
		if slices.Contains(req.GetIds(), letter.GetId()) {
			resp.Discarded++
		}
	}
	return resp, nil
}

// letterRack is dead letters that calls take away, and that come meanwhile. As with a real service the
// places of those that are gone stay, so that a page token is good whatever goes.
type letterRack struct {
	stubborn []string     // are not handled, however often they are replayed
	fail     func() error // before a replay or a discard, if set

	mu       sync.Mutex
	places   []string // the oldest first
	gone     map[string]bool
	arriving []string // one comes with each call that takes some away
	taken    []string // ids that calls were about, in their order
	largest  int      // how many a call was about
}

// newRack returns a rack of the letters "n1" to the count'th.
func newRack(count int) *letterRack {
	rack := &letterRack{gone: make(map[string]bool)}
	for n := range count {
		rack.places = append(rack.places, "n"+strconv.Itoa(n+1))
	}
	return rack
}

func (r *letterRack) list(req *opsv1.ListDeadLettersRequest) (*opsv1.ListDeadLettersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := len(r.places)
	if token := req.GetPageToken(); token != "" {
		var err error
		if end, err = strconv.Atoi(token); err != nil {
			return nil, status.Error(codes.InvalidArgument, "page_token")
		}
	}
	begin := max(0, end-int(req.GetPageSize()))
	resp := &opsv1.ListDeadLettersResponse{}
	for n := end - 1; n >= begin; n-- {
		if id := r.places[n]; !r.gone[id] {
			resp.DeadLetters = append(resp.DeadLetters, &opsv1.DeadLetter{Id: id})
		}
	}
	if begin > 0 {
		resp.NextPageToken = strconv.Itoa(begin)
	}
	return resp, nil
}

// take takes away what goes of these, and lets one come.
func (r *letterRack) take(ids []string, goes func(id string) bool) error {
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	r.taken = append(r.taken, ids...)
	r.largest = max(r.largest, len(ids))
	for _, id := range ids {
		if goes(id) {
			r.gone[id] = true
		}
	}
	if len(r.arriving) > 0 {
		r.places, r.arriving = append(r.places, r.arriving[0]), r.arriving[1:]
	}
	return nil
}

func (r *letterRack) replay(req *opsv1.ReplayDeadLettersRequest) (*opsv1.ReplayDeadLettersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	goes := func(id string) bool { return !slices.Contains(r.stubborn, id) }
	if err := r.take(req.GetIds(), goes); err != nil {
		return nil, err
	}
	resp := &opsv1.ReplayDeadLettersResponse{}
	for _, id := range req.GetIds() {
		resp.Results = append(resp.Results, &opsv1.ReplayResult{Id: id, Handled: goes(id), Reason: "stubborn"})
	}
	return resp, nil
}

func (r *letterRack) discard(req *opsv1.DiscardDeadLettersRequest) (*opsv1.DiscardDeadLettersResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.gone)
	if err := r.take(req.GetIds(), func(string) bool { return true }); err != nil {
		return nil, err
	}
	return &opsv1.DiscardDeadLettersResponse{Discarded: int32(len(r.gone) - before)}, nil
}
