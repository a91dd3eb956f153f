package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/tests/platform"
)

type callOption = grpc.CallOption

func codeOf(err error) codes.Code { return status.Code(err) }

// apps are the services that run.
var apps = []string{"gateway", "consignment", "vessel", "inventory", "user", "notification"}

// Reflection at the gateway tells of every service, so that grpcurl works.
func TestReflection(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	stream, err := reflectionv1.NewServerReflectionClient(c.Conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	listed := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	var names []string
	for _, service := range listed.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, want := range []string{
		"seaport.consignment.v1.ShippingService", "seaport.vessel.v1.VesselService",
		"seaport.inventory.v1.InventoryService", "seaport.user.v1.UserService", "seaport.ops.v1.OpsService",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not listed among %v", want, names)
			continue
		}
		file := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: want}})
		if len(file.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
			t.Errorf("%s is not described: %v", want, file)
		}
	}
}

// The OpenAPI document has every route, and what it has is what the gateway answers to.
func TestOpenAPIDocument(t *testing.T) {
	p := platform.Shared(t)
	answer := p.REST(t, "GET", "/openapi.json", nil)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(answer.Body, &document); err != nil || answer.Status != 200 || !strings.HasPrefix(answer.Type, "application/json") {
		t.Fatalf("answered %d (%s), %v", answer.Status, answer.Type, err)
	}
	routes := []string{
		"POST /v1/consignments", "GET /v1/consignments", "GET /v1/consignments/{id}", "POST /v1/consignments/{id}:cancel", "POST /v1/consignments:batchCreate",
		"GET /v1/consignments:watch", "POST /v1/topics/{topic}:publish",
		"POST /v1/vessels", "GET /v1/vessels", "GET /v1/vessels/{id}", "GET /v1/vessels:findAvailable",
		"POST /v1/depots:stock", "GET /v1/depots", "GET /v1/emails", "POST /v1/apps/{app_id}:ping", "GET /v1/apps/{app_id}/deadLetters",
		"POST /v1/apps/{app_id}/deadLetters:replay", "POST /v1/apps/{app_id}/deadLetters:discard",
		"POST /v1/users", "GET /v1/users", "GET /v1/users/{id}", "POST /v1/users/{id}:setRoles",
		"POST /v1/tokens", "POST /v1/tokens:refresh", "POST /v1/tokens:revoke", "POST /v1/tokens:validate",
	}
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		if document.Paths[path][strings.ToLower(method)] == nil {
			t.Errorf("%s is not in the document", route)
		}
		concrete := strings.NewReplacer("{id}", "nothing", "{app_id}", "gateway", "{topic}", "nothing").Replace(path)
		if strings.HasSuffix(path, ":watch") {
			concrete += "?last_event_id=nothing" // else the answer would not end
		}
		if got := p.REST(t, method, concrete, []byte("{}")); strings.Contains(string(got.Body), "/openapi.json") {
			t.Errorf("%s is no route: answered %d %s", route, got.Status, got.Body)
		}
	}
	documented := 0
	for _, methods := range document.Paths {
		documented += len(methods)
	}
	if documented != len(routes) {
		t.Errorf("the document has %d routes, this test knows %d", documented, len(routes))
	}
}

// What is between services is not offered to the public.
func TestHoldsAreNotPublic(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	for _, method := range []string{
		"/seaport.vessel.v1.VesselService/HoldCapacity", "/seaport.vessel.v1.VesselService/ReleaseCapacity",
		"/seaport.inventory.v1.InventoryService/HoldContainers", "/seaport.inventory.v1.InventoryService/ReleaseContainers",
	} {
		if err := c.Conn.Invoke(t.Context(), method, &opsv1.PingRequest{}, &opsv1.PingResponse{}); codeOf(err) != codes.PermissionDenied {
			t.Errorf("%s: got %v, want PERMISSION_DENIED", method, err)
		}
	}
}

func TestHealth(t *testing.T) {
	p := platform.Shared(t)
	answer := p.REST(t, "GET", "/healthz", nil)
	if answer.Status != 200 || !json.Valid(answer.Body) {
		t.Errorf("GET /healthz answered %d %s", answer.Status, answer.Body)
	}
	for _, app := range apps {
		if !strings.Contains(string(answer.Body), `"`+app+`":"ready"`) {
			t.Errorf("%s is not ready in %s", app, answer.Body)
		}
	}
	got, err := grpc_health_v1.NewHealthClient(p.Client(t).Conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the gRPC health service answers %v, %v", got, err)
	}
}

// Ping and PingPong reach every service through the gateway.
func TestPingAndPingPong(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	for _, app := range apps {
		t.Run(app, func(t *testing.T) {
			answer, err := c.Ping(t.Context(), &opsv1.PingRequest{AppId: app, Sequence: 42})
			if err != nil || answer.GetAppId() != app || answer.GetSequence() != 42 || answer.GetAnswerTime() == nil {
				t.Errorf("Ping: got %v, %v", answer, err)
			}
			if got := p.REST(t, "POST", "/v1/apps/"+app+":ping", []byte(`{"sequence": "7"}`)); got.Status != 200 || !strings.Contains(string(got.Body), `"`+app+`"`) {
				t.Errorf("Ping over REST: got %d %s", got.Status, got.Body)
			}
			if err := rally(t, c, app, 25); err != nil {
				t.Errorf("PingPong: %v", err)
			}
			if out := p.CLI(t, "ping", app, "-n", "10"); out.Exit != 0 || !strings.Contains(out.Stdout, app) {
				t.Errorf("seaport ping: exit %d, %s%s", out.Exit, out.Stdout, out.Stderr)
			}
		})
	}
	if err := rally(t, c, "nobody", 1); codeOf(err) != codes.NotFound {
		t.Errorf("PingPong with nobody: got %v, want NOT_FOUND", err)
	}
}

func rally(t *testing.T, c *platform.Client, app string, strokes int64) error {
	t.Helper()
	stream, err := c.PingPong(t.Context())
	if err != nil {
		return err
	}
	for stroke := range strokes {
		if err := stream.Send(&opsv1.PingPongRequest{AppId: app, Stroke: stroke}); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		back, err := stream.Recv()
		if err != nil {
			return err
		}
		if back.GetAppId() != app || back.GetStroke() != stroke {
			return fmt.Errorf("stroke %d came back as %v", stroke, back)
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the last stroke: %w", err)
	}
	return nil
}
