// Package rpc passes calls on to the services behind the gateway. It translates and decides
// nothing. What it adds: bookings made at the same time share one crossing of the sidecars, and a
// call that changes something has a request_id, since sidecars repeat calls whose answer was lost.
package rpc

import (
	"context"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
)

// Apps gives a connection to another service by its app-id.
type Apps interface {
	App(appID string) grpc.ClientConnInterface
}

// Register puts every public service on the gateway's server.
func Register(server grpc.ServiceRegistrar, apps Apps) {
	consignmentv1.RegisterShippingServiceServer(server, newShipping(apps.App("consignment")))
	vesselv1.RegisterVesselServiceServer(server, &fleet{client: vesselv1.NewVesselServiceClient(apps.App("vessel"))})
	inventoryv1.RegisterInventoryServiceServer(server, &inventory{client: inventoryv1.NewInventoryServiceClient(apps.App("inventory"))})
	registerOps(server, apps)
}

type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer

	client consignmentv1.ShippingServiceClient
	create *batch.Batcher[*consignmentv1.CreateConsignmentRequest, *consignmentv1.CreateConsignmentResponse]
}

func newShipping(conn grpc.ClientConnInterface) *shipping {
	s := &shipping{client: consignmentv1.NewShippingServiceClient(conn)}
	s.create = batch.New(batch.Config{Max: 256, InFlight: 4, Timeout: 20 * time.Second}, s.createMany)
	return s
}

func (s *shipping) CreateConsignment(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	identify(&req.RequestId)
	if proto.Size(req) > largest {
		return s.createAlone(ctx, req)
	}
	return s.create.Do(ctx, req)
}

// largest is how many bytes a booking has that shares a call with others: so many of them still
// make a message that sidecars and stores take. A larger one goes alone.
const largest = 16 << 10

func (s *shipping) createAlone(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	result := s.createMany(ctx, []*consignmentv1.CreateConsignmentRequest{req})[0]
	return result.Answer, result.Err
}

// identify gives a request an id when its caller gave none.
func identify(requestID *string) {
	if *requestID == "" {
		*requestID = uuid.NewString()
	}
}

func (s *shipping) createMany(ctx context.Context, requests []*consignmentv1.CreateConsignmentRequest) []batch.Result[*consignmentv1.CreateConsignmentResponse] {
	resp, err := s.client.BatchCreateConsignments(ctx, &consignmentv1.BatchCreateConsignmentsRequest{Requests: requests})
	if err != nil {
		return batch.Fail[*consignmentv1.CreateConsignmentResponse](len(requests), err)
	}
	results := make([]batch.Result[*consignmentv1.CreateConsignmentResponse], len(resp.GetResults()))
	for i, r := range resp.GetResults() {
		results[i] = batch.Result[*consignmentv1.CreateConsignmentResponse]{Answer: r.GetResponse(), Err: failure.FromProto(r.GetFailure())}
	}
	return results
}

func (s *shipping) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	for _, item := range req.GetRequests() {
		identify(&item.RequestId)
	}
	return s.client.BatchCreateConsignments(ctx, req)
}

func (s *shipping) GetConsignment(ctx context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	return s.client.GetConsignment(ctx, req)
}

func (s *shipping) ListConsignments(ctx context.Context, req *consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
	return s.client.ListConsignments(ctx, req)
}

func (s *shipping) CancelConsignment(ctx context.Context, req *consignmentv1.CancelConsignmentRequest) (*consignmentv1.CancelConsignmentResponse, error) {
	return s.client.CancelConsignment(ctx, req)
}

// fleet leaves out HoldCapacity and ReleaseCapacity: they are between services.
type fleet struct {
	vesselv1.UnimplementedVesselServiceServer

	client vesselv1.VesselServiceClient
}

func (f *fleet) CreateVessel(ctx context.Context, req *vesselv1.CreateVesselRequest) (*vesselv1.CreateVesselResponse, error) {
	identify(&req.RequestId)
	if req.GetId() == "" {
		req.Id = uuid.NewString()
	}
	return f.client.CreateVessel(ctx, req)
}

func (f *fleet) GetVessel(ctx context.Context, req *vesselv1.GetVesselRequest) (*vesselv1.GetVesselResponse, error) {
	return f.client.GetVessel(ctx, req)
}

func (f *fleet) ListVessels(ctx context.Context, req *vesselv1.ListVesselsRequest) (*vesselv1.ListVesselsResponse, error) {
	return f.client.ListVessels(ctx, req)
}

func (f *fleet) FindAvailable(ctx context.Context, req *vesselv1.FindAvailableRequest) (*vesselv1.FindAvailableResponse, error) {
	return f.client.FindAvailable(ctx, req)
}

// inventory leaves out HoldContainers and ReleaseContainers: they are between services.
type inventory struct {
	inventoryv1.UnimplementedInventoryServiceServer

	client inventoryv1.InventoryServiceClient
}

func (i *inventory) StockDepot(ctx context.Context, req *inventoryv1.StockDepotRequest) (*inventoryv1.StockDepotResponse, error) {
	identify(&req.RequestId)
	return i.client.StockDepot(ctx, req)
}

func (i *inventory) ListDepots(ctx context.Context, req *inventoryv1.ListDepotsRequest) (*inventoryv1.ListDepotsResponse, error) {
	return i.client.ListDepots(ctx, req)
}
