package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

// Bounds of an import.
const (
	maxLines = 500 // of a message; also, how many are booked together
	// maxTogether is how many bytes lines have that are booked together, unless it is one. What is stored of them goes
	// to the sidecar in one message, and is up to sixteen times as much: containers get ids, and are in an event, too.
	maxTogether = 1 << 19
	maxLine     = 1 << 18 // bytes
	maxImportID = 64      // characters
	groupsAhead = 4       // groups of lines that are being booked at once
)

// ImportConsignments implements the contract. Lines that arrive while others are being booked form the
// next group. When enough groups are on their way, or their results are not taken, nothing more is read.
func (s *Server) ImportConsignments(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	in := &intake{stream: stream, parcels: make(chan parcel)}
	go in.read(ctx)
	groups := make(chan chan *consignmentv1.ImportConsignmentsResponse, groupsAhead-1)
	var ended error
	go func() {
		defer close(groups)
		ended = s.bookGroups(ctx, in, groups)
	}()
	for group := range groups {
		if err := stream.Send(<-group); err != nil {
			return err
		}
	}
	return ended
}

// bookGroups books what arrives, and hands on the results of each group in the order of its lines.
func (s *Server) bookGroups(ctx context.Context, in *intake, groups chan<- chan *consignmentv1.ImportConsignmentsResponse) error {
	stops := failure.Unavailable(nil, "the service is stopping; send the lines without a result again")
	for next := (parcel{}); ; {
		if next.none() {
			select {
			case next = <-in.parcels:
			case <-s.stopping:
				return stops
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if next.end {
			return next.err
		}
		results := make(chan *consignmentv1.ImportConsignmentsResponse, 1)
		select {
		case groups <- results: // there is room for one more
		case <-s.stopping:
			return stops
		case <-ctx.Done():
			return ctx.Err()
		}
		var lines []*consignmentv1.ImportLine
		lines, next = in.more(next)
		go func() { results <- s.bookLines(ctx, in, lines) }()
	}
}

// parcel is what the intake has: lines that may be booked together, or the end of them.
type parcel struct {
	lines []*consignmentv1.ImportLine
	size  int // of the lines, in bytes
	end   bool
	err   error // why they end, unless all are there
}

// none says that it is no parcel at all.
func (p parcel) none() bool { return len(p.lines) == 0 && !p.end }

// with says whether another parcel may be booked together with it.
func (p parcel) with(other parcel) bool {
	return !other.end && len(p.lines)+len(other.lines) <= maxLines && p.size+other.size <= maxTogether
}

// parcelsOf makes parcels of the lines of a message.
func parcelsOf(lines []*consignmentv1.ImportLine) (parcels []parcel) {
	var last parcel
	for i := range lines {
		one := parcel{lines: lines[i : i+1], size: proto.Size(lines[i])}
		if !last.none() && !last.with(one) {
			parcels, last = append(parcels, last), parcel{}
		}
		last.lines, last.size = append(last.lines, one.lines...), last.size+one.size
	}
	if !last.none() {
		parcels = append(parcels, last)
	}
	return parcels
}

// intake is the lines of one import as they arrive.
type intake struct {
	stream  consignmentv1.ShippingService_ImportConsignmentsServer
	parcels chan parcel

	// Of the reader, until it has handed on the first lines.
	id   string
	mail bool
	last int64 // number of the last line
}

// read reads messages until there is an end.
func (in *intake) read(ctx context.Context) {
	for {
		req, err := in.stream.Recv()
		if err == nil {
			err = in.accept(req)
		}
		parcels := parcelsOf(req.GetLines())
		switch {
		case errors.Is(err, io.EOF):
			parcels = []parcel{{end: true}}
		case err != nil:
			parcels = []parcel{{end: true, err: err}}
		}
		for _, p := range parcels {
			select {
			case in.parcels <- p:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// accept checks a message. Its lines get their request ids.
func (in *intake) accept(req *consignmentv1.ImportConsignmentsRequest) error {
	if in.id == "" {
		if id := req.GetImportId(); len(id) > maxImportID || !request.Valid(id) {
			return failure.Invalid("import_id", "must be 1 to %d visible ASCII characters", maxImportID)
		}
		in.id, in.mail = req.GetImportId(), req.GetMail()
	}
	if id := req.GetImportId(); id != "" && id != in.id {
		return failure.Invalid("import_id", "is not that of the first message")
	}
	if len(req.GetLines()) > maxLines {
		return failure.Invalid("lines", "at most %d in one message", maxLines)
	}
	for i, line := range req.GetLines() {
		if line.GetNumber() <= in.last {
			return failure.Invalid(fmt.Sprintf("lines[%d].number", i), "must be above %d, the number of the line before", in.last)
		}
		in.last = line.GetNumber()
		if line.Order == nil {
			line.Order = &consignmentv1.CreateConsignmentRequest{}
		}
		if line.Order.RequestId == "" {
			line.Order.RequestId = fmt.Sprintf("%s/%d", in.id, line.GetNumber())
		}
	}
	return nil
}

// more returns the lines of a parcel and of those that have arrived meanwhile, as many as are booked together, and
// the parcel that arrived after them, if one did.
func (in *intake) more(p parcel) (lines []*consignmentv1.ImportLine, next parcel) {
	for {
		select {
		case next = <-in.parcels:
			if !p.with(next) {
				return p.lines, next
			}
			p.lines, p.size = append(p.lines, next.lines...), p.size+next.size
		default:
			return p.lines, parcel{}
		}
	}
}

// bookLines books a group of lines and returns their results.
func (s *Server) bookLines(ctx context.Context, in *intake, lines []*consignmentv1.ImportLine) *consignmentv1.ImportConsignmentsResponse {
	resp := &consignmentv1.ImportConsignmentsResponse{Results: make([]*consignmentv1.ImportResult, len(lines))}
	refuse := func(i int, err error) {
		resp.Results[i].Result = &consignmentv1.ImportResult_Failure{Failure: failure.ToProto(err)}
	}
	caller := auth.From(ctx)
	var orders []consignment.Order
	var from []int // the line an order is from
	for i, line := range lines {
		resp.Results[i] = &consignmentv1.ImportResult{Number: line.GetNumber()}
		order, err := orderOf(line.GetOrder(), caller)
		if n := proto.Size(line); err == nil && n > maxLine {
			err = failure.Invalid("order", "is too large: %d bytes; at most %d", n, maxLine)
		}
		if err != nil {
			refuse(i, err)
			continue
		}
		orders, from = append(orders, order), append(from, i)
	}
	book := s.bookings.Import
	if in.mail {
		book = s.bookings.Create
	}
	for n, r := range book(ctx, orders) {
		if r.Err != nil {
			refuse(from[n], r.Err)
			continue
		}
		resp.Results[from[n]].Result = &consignmentv1.ImportResult_Consignment{
			Consignment: &consignmentv1.ImportedConsignment{Id: r.Consignment.ID, VesselId: r.Consignment.Vessel},
		}
	}
	return resp
}
