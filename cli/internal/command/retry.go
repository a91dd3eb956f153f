package command

import (
	"context"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

// repeatable lists the calls that do no more the second time: they read, they carry a request_id
// or an event's id (the commands always send one), or doing them twice changes nothing. CreateVessel is not here:
// its repeat would be refused with ALREADY_EXISTS, or add a second vessel.
var repeatable = map[string]bool{
	consignmentv1.ShippingService_CreateConsignment_FullMethodName: true,
	consignmentv1.ShippingService_GetConsignment_FullMethodName:    true,
	consignmentv1.ShippingService_ListConsignments_FullMethodName:  true,
	consignmentv1.ShippingService_CancelConsignment_FullMethodName: true,
	vesselv1.VesselService_GetVessel_FullMethodName:                true,
	vesselv1.VesselService_ListVessels_FullMethodName:              true,
	vesselv1.VesselService_FindAvailable_FullMethodName:            true,
	inventoryv1.InventoryService_StockDepot_FullMethodName:         true,
	inventoryv1.InventoryService_ListDepots_FullMethodName:         true,
	notificationv1.NotificationService_ListEmails_FullMethodName:   true,
	userv1.UserService_Create_FullMethodName:                       true,
	userv1.UserService_Get_FullMethodName:                          true,
	userv1.UserService_List_FullMethodName:                         true,
	userv1.UserService_Auth_FullMethodName:                         true,
	userv1.UserService_RefreshToken_FullMethodName:                 true,
	userv1.UserService_RevokeTokens_FullMethodName:                 true,
	userv1.UserService_SetRoles_FullMethodName:                     true,
	opsv1.OpsService_ListDeadLetters_FullMethodName:                true,
	opsv1.OpsService_ReplayDeadLetters_FullMethodName:              true,
	opsv1.OpsService_DiscardDeadLetters_FullMethodName:             true,
	opsv1.OpsService_PublishEvent_FullMethodName:                   true,
}

// retry bounds the repeats of a call.
type retry struct {
	attempts int           // in all, the first included
	pause    time.Duration // before the second attempt; doubled each time, a quarter of it random
}

var defaultRetry = retry{attempts: 4, pause: 250 * time.Millisecond}

// repeat returns an interceptor that sends a repeatable call again when it was UNAVAILABLE. Before
// each repeat it calls say with the number of the attempt.
func repeat(r retry, say func(attempt, of int)) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		pause := r.pause
		for attempt := 2; attempt <= r.attempts && repeatable[method] && status.Code(err) == codes.Unavailable; attempt++ {
			select {
			case <-ctx.Done():
				return err // why it was to be repeated says more than that there was no time
			case <-time.After(pause*3/4 + rand.N(pause/2)): //nolint:gosec // spreads load, guards nothing
			}
			pause *= 2
			say(attempt, r.attempts)
			err = invoke(ctx, method, req, reply, cc, opts...)
		}
		return err
	}
}

// limitTime returns an interceptor that ends a call, its repeats included, after --timeout.
func limitTime(s *session) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return invoke(ctx, method, req, reply, cc, opts...)
	}
}
