package command

import (
	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

type watchStream = grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]

// WatchConsignments is what the test's function says.
func (s *shipping) WatchConsignments(req *consignmentv1.WatchConsignmentsRequest, stream watchStream) error {
	return s.watch(req, stream)
}

// started is the first thing that a watcher is told.
func started(eventID string) *consignmentv1.WatchConsignmentsResponse {
	return &consignmentv1.WatchConsignmentsResponse{
		EventId: eventID, What: &consignmentv1.WatchConsignmentsResponse_Started{Started: &consignmentv1.WatchStarted{}},
	}
}

// changed tells of a booking.
func changed(eventID string, c *consignmentv1.Consignment) *consignmentv1.WatchConsignmentsResponse {
	kind := consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED
	if c.GetStatus() == consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED {
		kind = consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_CANCELLED
	}
	return &consignmentv1.WatchConsignmentsResponse{
		EventId: eventID, What: &consignmentv1.WatchConsignmentsResponse_Change{
			Change: &consignmentv1.ConsignmentChange{Type: kind, Consignment: c, Time: noon},
		},
	}
}

// behind tells that a watcher is slow.
func behind(eventID string, changes int64) *consignmentv1.WatchConsignmentsResponse {
	return &consignmentv1.WatchConsignmentsResponse{
		EventId: eventID, What: &consignmentv1.WatchConsignmentsResponse_FellBehind{FellBehind: &consignmentv1.FellBehind{Changes: changes}},
	}
}
