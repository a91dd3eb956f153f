package runner

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

type fakeVessels struct {
	vesselv1.UnimplementedVesselServiceServer
	vessels map[string]*vesselv1.CreateVesselRequest
}

func (f *fakeVessels) CreateVessel(_ context.Context, request *vesselv1.CreateVesselRequest) (*vesselv1.CreateVesselResponse, error) {
	if _, exists := f.vessels[request.GetId()]; exists {
		return nil, status.Error(codes.AlreadyExists, "vessel exists")
	}
	f.vessels[request.GetId()] = request
	return &vesselv1.CreateVesselResponse{}, nil
}

type fakeDepots struct {
	inventoryv1.UnimplementedInventoryServiceServer
	origins []string
	calls   []*inventoryv1.StockDepotRequest
}

func (f *fakeDepots) StockDepot(_ context.Context, request *inventoryv1.StockDepotRequest) (*inventoryv1.StockDepotResponse, error) {
	f.calls = append(f.calls, request)
	f.origins = append(f.origins, request.GetOrigin())
	return &inventoryv1.StockDepotResponse{}, nil
}

// ListDepots serves pages of one.
func (f *fakeDepots) ListDepots(_ context.Context, request *inventoryv1.ListDepotsRequest) (*inventoryv1.ListDepotsResponse, error) {
	at := len(request.GetPageToken())
	if at >= len(f.origins) {
		return &inventoryv1.ListDepotsResponse{}, nil
	}
	response := &inventoryv1.ListDepotsResponse{Depots: []*inventoryv1.Depot{{Origin: f.origins[at]}}}
	if at+1 < len(f.origins) {
		response.NextPageToken = request.GetPageToken() + "x"
	}
	return response, nil
}

func TestSeedCreatesWhatIsMissing(t *testing.T) {
	vessels := &fakeVessels{vessels: map[string]*vesselv1.CreateVesselRequest{}}
	depots := &fakeDepots{origins: []string{"Elsewhere", "derby, united kingdom"}}
	conn := serve(t, func(server *grpc.Server) {
		vesselv1.RegisterVesselServiceServer(server, vessels)
		inventoryv1.RegisterInventoryServiceServer(server, depots)
	})

	created, err := seed(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if len(created) != 3 || len(depots.calls) != 2 {
		t.Errorf("created %v with %d depot calls, want the vessel and the two depots that were missing", created, len(depots.calls))
	}
	if vessel := vessels.vessels["vessel001"]; vessel.GetCapacity() != 500 || vessel.GetMaxWeight() != 200_000 || vessel.GetName() != "Kane's Salty Secret" {
		t.Errorf("vessel = %v", vessel)
	}
	for _, call := range depots.calls {
		if call.GetContainers() != 10_000 || call.GetRequestId() == "" {
			t.Errorf("stocked with %v", call)
		}
	}

	created, err = seed(t.Context(), conn)
	if err != nil || len(created) != 0 || len(depots.calls) != 2 {
		t.Errorf("the second time: created %v, %v", created, err)
	}
}

// serve returns a connection to a gateway that has what register gives it.
func serve(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
