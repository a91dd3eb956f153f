package rpc

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
)

// WatchConsignments implements the contract. A response that tells nothing but its event_id is a sign of
// life: one comes when nothing else does.
func (s *Server) WatchConsignments(req *consignmentv1.WatchConsignmentsRequest, stream grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]) error {
	customer, err := customerOf(stream.Context(), req.GetCustomerId())
	if err != nil {
		return err
	}
	return s.watches.Watch(stream.Context(), customer, req.GetLastEventId(), func(n consignment.Notice) error {
		return stream.Send(noticeToProto(n))
	})
}

func noticeToProto(n consignment.Notice) *consignmentv1.WatchConsignmentsResponse {
	out := &consignmentv1.WatchConsignmentsResponse{EventId: n.At}
	switch {
	case n.Started:
		out.What = &consignmentv1.WatchConsignmentsResponse_Started{Started: &consignmentv1.WatchStarted{}}
	case n.Changed != nil:
		out.What = &consignmentv1.WatchConsignmentsResponse_Change{Change: &consignmentv1.ConsignmentChange{
			Type: changes[n.Changed.Status], Consignment: toProto(n.Changed), Time: timestamppb.New(n.Changed.UpdateTime),
		}}
	case n.Behind > 0:
		out.What = &consignmentv1.WatchConsignmentsResponse_FellBehind{FellBehind: &consignmentv1.FellBehind{Changes: n.Behind}}
	}
	return out
}

// changes is what has happened to a consignment that came to a status.
var changes = map[consignment.Status]consignmentv1.ConsignmentChangeType{
	consignment.Booked:    consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED,
	consignment.Cancelled: consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_CANCELLED,
}
