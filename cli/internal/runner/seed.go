package runner

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

// The sample data: enough for the sample consignment.
var (
	sampleVessel = &vesselv1.CreateVesselRequest{
		Id:        "vessel001",
		Name:      "Kane's Salty Secret",
		Capacity:  500,
		MaxWeight: 200_000, // kg
	}
	sampleDepots = []string{"Manchester, United Kingdom", "Derby, United Kingdom", "Sheffield, United Kingdom"}
)

const sampleStock = 10_000 // empty containers a depot

// bearing returns ctx for calls with the token; an empty one is none.
func bearing(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// seed creates what of the sample data does not exist yet, through the gateway. Ctx carries the token of an operator. It
// returns what it created.
func seed(ctx context.Context, conn *grpc.ClientConn) ([]string, error) {
	var created []string
	_, err := vesselv1.NewVesselServiceClient(conn).CreateVessel(ctx, sampleVessel)
	switch status.Code(err) {
	case codes.OK:
		created = append(created, "vessel "+sampleVessel.GetId())
	case codes.AlreadyExists:
	default:
		return created, fmt.Errorf("seeding vessel %s: %w", sampleVessel.GetId(), err)
	}
	inventory := inventoryv1.NewInventoryServiceClient(conn)
	known, err := depots(ctx, inventory)
	if err != nil {
		return created, fmt.Errorf("seeding depots: %w", err)
	}
	for _, origin := range sampleDepots {
		if known[strings.ToLower(origin)] {
			continue
		}
		// A fixed request_id: trying again after a lost answer stocks once.
		request := &inventoryv1.StockDepotRequest{Origin: origin, Containers: sampleStock, RequestId: "seaport-seed"}
		if _, err := inventory.StockDepot(ctx, request); err != nil {
			return created, fmt.Errorf("seeding depot %s: %w", origin, err)
		}
		created = append(created, "depot "+origin)
	}
	return created, nil
}

func depots(ctx context.Context, inventory inventoryv1.InventoryServiceClient) (map[string]bool, error) {
	known := map[string]bool{}
	for token := ""; ; {
		page, err := inventory.ListDepots(ctx, &inventoryv1.ListDepotsRequest{PageSize: 200, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, depot := range page.GetDepots() {
			known[strings.ToLower(depot.GetOrigin())] = true
		}
		if token = page.GetNextPageToken(); token == "" {
			return known, nil
		}
	}
}
