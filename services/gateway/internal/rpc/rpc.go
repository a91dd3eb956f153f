// Package rpc passes calls on to the services behind the gateway, in the name of their callers. It
// translates and decides nothing. What it adds: bookings made at the same time share one crossing of
// the sidecars, a call that changes something has a request_id, since sidecars repeat calls whose answer
// was lost, and a watch goes on when the service behind it, or something between, restarts.
package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/internal/auth"
)

// Apps gives a connection to another service by its app-id.
type Apps interface {
	App(appID string) grpc.ClientConnInterface
}

// Config is what passing on takes.
type Config struct {
	Apps Apps
	Keys *auth.Keys // by which the gateway makes itself known when it calls for several callers at once
	// Insecure says that nobody shows a token, nor is asked for one.
	Insecure bool
	// Stopping ends when the gateway is about to: watches and imports end then.
	Stopping context.Context
}

// Register puts every public service on the gateway's server.
func Register(server grpc.ServiceRegistrar, cfg Config) {
	consignmentv1.RegisterShippingServiceServer(server, newShipping(cfg))
	vesselv1.RegisterVesselServiceServer(server, &fleet{client: vesselv1.NewVesselServiceClient(cfg.passOn("vessel"))})
	inventoryv1.RegisterInventoryServiceServer(server, &inventory{client: inventoryv1.NewInventoryServiceClient(cfg.passOn("inventory"))})
	userv1.RegisterUserServiceServer(server, &users{client: userv1.NewUserServiceClient(cfg.passOn("user"))})
	notificationv1.RegisterNotificationServiceServer(server, &notification{client: notificationv1.NewNotificationServiceClient(cfg.passOn("notification"))})
	registerOps(server, cfg)
}

func (c Config) passOn(app string) grpc.ClientConnInterface { return auth.PassOn(c.Apps.App(app)) }

// identify gives a request an id when its caller gave none.
func identify(requestID *string) {
	if *requestID == "" {
		*requestID = uuid.NewString()
	}
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
