package command

import (
	"errors"
	"io"
	"regexp"

	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	failurev1 "seaport.example/proto/seaport/failure/v1"
)

var (
	importIDs = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	rates     = regexp.MustCompile(`in [\d.]+ s, \d+ a second`)
)

// figures matches a figure of a JSON document.
func figures(name string) *regexp.Regexp { return regexp.MustCompile(`"` + name + `": [\d.]+`) }

// imports is what a fake platform knows of imports.
type imports struct {
	refuse   func(*consignmentv1.ImportLine) *failurev1.Failure // nil: every line is booked
	breakOff func() error                                       // after a message was booked, before it is answered

	requestIDs map[string]bool
	imported   map[string]int // bookings by description
	mails      bool
}

func (s *shipping) ImportConsignments(stream grpc.BidiStreamingServer[consignmentv1.ImportConsignmentsRequest, consignmentv1.ImportConsignmentsResponse]) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		resp := s.importLines(req)
		if s.breakOff != nil {
			if err := s.breakOff(); err != nil {
				return err
			}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (s *shipping) importLines(req *consignmentv1.ImportConsignmentsRequest) *consignmentv1.ImportConsignmentsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.imported == nil {
		s.imported, s.requestIDs = make(map[string]int), make(map[string]bool)
	}
	s.mails = req.GetMail()
	resp := &consignmentv1.ImportConsignmentsResponse{}
	for _, line := range req.GetLines() {
		result := &consignmentv1.ImportResult{Number: line.GetNumber()}
		resp.Results = append(resp.Results, result)
		if s.refuse != nil {
			if failure := s.refuse(line); failure != nil {
				result.Result = &consignmentv1.ImportResult_Failure{Failure: failure}
				continue
			}
		}
		if id := line.GetOrder().GetRequestId(); !s.requestIDs[id] {
			s.requestIDs[id] = true
			s.imported[line.GetOrder().GetDescription()]++
		}
		result.Result = &consignmentv1.ImportResult_Consignment{Consignment: &consignmentv1.ImportedConsignment{Id: "c1", VesselId: "vessel001"}}
	}
	return resp
}

// bookings is how many imported consignments have the description.
func (p *platform) bookings(description string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.imported[description]
}
