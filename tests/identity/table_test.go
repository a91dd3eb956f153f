package identity

import (
	"encoding/json"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const (
	yes     = codes.OK
	unknown = codes.Unauthenticated
	denied  = codes.PermissionDenied
	hidden  = codes.NotFound // somebody else's is as good as none
	invalid = codes.InvalidArgument
)

// rule is what a method answers to each kind of caller. Requests that would change much are
// invalid: whoever may call is told so.
type rule struct {
	method string // full name
	about  string // tells the requests to one method apart

	request proto.Message
	route   string // as the OpenAPI document has it; "" for none
	path    string // the route with all that is in its path and query; "" where that is the route's own

	nobody   codes.Code // without a token that is any good
	customer codes.Code
	other    codes.Code // another customer
	operator codes.Code
	admin    codes.Code

	anyone bool     // a token is not needed at all
	apps   []string // the services that may call it in their own name
}

// answers are the codes of a rule, in the order: nobody, a customer, another customer, an
// operator, an admin.
func (r rule) answers(nobody, customer, other, operator, admin codes.Code) rule {
	r.nobody, r.customer, r.other, r.operator, r.admin = nobody, customer, other, operator, admin
	return r
}

func (r rule) by(apps ...string) rule {
	r.apps = apps
	return r
}

// forAnyone is a rule that makes no difference between callers.
func (r rule) forAnyone(code codes.Code) rule {
	r.anyone = true
	return r.answers(code, code, code, code, code)
}

func (r rule) name() string {
	if r.about == "" {
		return r.method
	}
	return r.method + ", " + r.about
}

// body is the request as REST takes it.
func (r rule) body(t *testing.T) []byte {
	t.Helper()
	content, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(r.request)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// world is what requests are about.
type world struct {
	*platform.Platform

	mine, other, third platform.User
	order              *consignmentv1.CreateConsignmentRequest // of mine
	consignment        string                                  // of mine
	vessel             string
}

func newWorld(t *testing.T, p *platform.Platform) world {
	t.Helper()
	w := world{Platform: p, mine: p.Register(t), other: p.Register(t), third: p.Register(t)}
	operator := p.Client(t)
	w.vessel = freight.Vessel(t, operator, 1_000_000, 1_000_000_000)
	w.order = freight.Order(w.vessel, 1, freight.Depot(t, operator, 1_000_000))
	w.order.CustomerId = w.mine.UserID
	w.consignment = freight.Book(t, operator, w.order).GetId()
	return w
}

// rules is everything that can be asked, and who gets it. It says the same as
// services/internal/access, once more and from outside.
func (w world) rules() []rule {
	named := &consignmentv1.GetConsignmentRequest{Id: w.consignment}
	return []rule{
		rule{method: consignmentv1.ShippingService_CreateConsignment_FullMethodName, route: "POST /v1/consignments",
			request: &consignmentv1.CreateConsignmentRequest{Weight: -1}}.answers(unknown, invalid, invalid, invalid, denied),
		rule{method: consignmentv1.ShippingService_CreateConsignment_FullMethodName, about: "for a customer", route: "POST /v1/consignments",
			request: w.order}.answers(unknown, yes, denied, yes, denied),
		rule{method: consignmentv1.ShippingService_BatchCreateConsignments_FullMethodName, route: "POST /v1/consignments:batchCreate",
			request: &consignmentv1.BatchCreateConsignmentsRequest{}}.answers(unknown, yes, yes, yes, denied).by("gateway"),
		rule{method: consignmentv1.ShippingService_BatchCreateConsignments_FullMethodName, about: "with tokens", route: "POST /v1/consignments:batchCreate",
			request: &consignmentv1.BatchCreateConsignmentsRequest{
				Requests: []*consignmentv1.CreateConsignmentRequest{w.order}, Tokens: []string{w.mine.Tokens.GetAccessToken()}, Callers: []int32{0},
			}}.answers(unknown, invalid, invalid, invalid, denied).by("gateway"),
		rule{method: consignmentv1.ShippingService_GetConsignment_FullMethodName, route: "GET /v1/consignments/{id}", path: "/v1/consignments/" + w.consignment,
			request: named}.answers(unknown, yes, hidden, yes, denied),
		rule{method: consignmentv1.ShippingService_ListConsignments_FullMethodName, route: "GET /v1/consignments",
			request: &consignmentv1.ListConsignmentsRequest{}}.answers(unknown, yes, yes, yes, denied),
		rule{method: consignmentv1.ShippingService_ListConsignments_FullMethodName, about: "of a customer", route: "GET /v1/consignments", path: "/v1/consignments?customer_id=" + w.mine.UserID,
			request: &consignmentv1.ListConsignmentsRequest{CustomerId: w.mine.UserID}}.answers(unknown, yes, denied, yes, denied),
		rule{method: consignmentv1.ShippingService_CancelConsignment_FullMethodName, route: "POST /v1/consignments/{id}:cancel", path: "/v1/consignments/" + w.consignment + ":cancel",
			request: &consignmentv1.CancelConsignmentRequest{Id: w.consignment}}.answers(unknown, yes, hidden, yes, denied).by("vessel", "inventory"),
		rule{method: consignmentv1.ShippingService_WatchConsignments_FullMethodName, route: "GET /v1/consignments:watch", path: "/v1/consignments:watch?last_event_id=none",
			request: &consignmentv1.WatchConsignmentsRequest{LastEventId: "none"}}.answers(unknown, invalid, invalid, invalid, denied),
		rule{method: consignmentv1.ShippingService_WatchConsignments_FullMethodName, about: "of a customer", route: "GET /v1/consignments:watch",
			path:    "/v1/consignments:watch?last_event_id=none&customer_id=" + w.mine.UserID,
			request: &consignmentv1.WatchConsignmentsRequest{LastEventId: "none", CustomerId: w.mine.UserID}}.answers(unknown, invalid, denied, invalid, denied),
		rule{method: consignmentv1.ShippingService_ImportConsignments_FullMethodName,
			request: &consignmentv1.ImportConsignmentsRequest{}}.answers(unknown, invalid, invalid, invalid, denied),

		rule{method: vesselv1.VesselService_CreateVessel_FullMethodName, route: "POST /v1/vessels",
			request: &vesselv1.CreateVesselRequest{}}.answers(unknown, denied, denied, invalid, denied),
		rule{method: vesselv1.VesselService_GetVessel_FullMethodName, route: "GET /v1/vessels/{id}", path: "/v1/vessels/" + w.vessel,
			request: &vesselv1.GetVesselRequest{Id: w.vessel}}.answers(unknown, yes, yes, yes, denied),
		rule{method: vesselv1.VesselService_ListVessels_FullMethodName, route: "GET /v1/vessels",
			request: &vesselv1.ListVesselsRequest{}}.answers(unknown, yes, yes, yes, denied),
		rule{method: vesselv1.VesselService_FindAvailable_FullMethodName, route: "GET /v1/vessels:findAvailable", path: "/v1/vessels:findAvailable?capacity=1&max_weight=1",
			request: &vesselv1.FindAvailableRequest{Capacity: 1, MaxWeight: 1}}.answers(unknown, yes, yes, yes, denied),
		rule{method: vesselv1.VesselService_HoldCapacity_FullMethodName,
			request: &vesselv1.HoldCapacityRequest{}}.answers(unknown, denied, denied, denied, denied).by("consignment"),
		rule{method: vesselv1.VesselService_ReleaseCapacity_FullMethodName,
			request: &vesselv1.ReleaseCapacityRequest{}}.answers(unknown, denied, denied, denied, denied).by("consignment"),

		rule{method: inventoryv1.InventoryService_StockDepot_FullMethodName, route: "POST /v1/depots:stock",
			request: &inventoryv1.StockDepotRequest{}}.answers(unknown, denied, denied, invalid, denied),
		rule{method: inventoryv1.InventoryService_ListDepots_FullMethodName, route: "GET /v1/depots",
			request: &inventoryv1.ListDepotsRequest{}}.answers(unknown, yes, yes, yes, denied),
		rule{method: inventoryv1.InventoryService_HoldContainers_FullMethodName,
			request: &inventoryv1.HoldContainersRequest{}}.answers(unknown, denied, denied, denied, denied).by("consignment"),
		rule{method: inventoryv1.InventoryService_ReleaseContainers_FullMethodName,
			request: &inventoryv1.ReleaseContainersRequest{}}.answers(unknown, denied, denied, denied, denied).by("consignment"),

		rule{method: userv1.UserService_Create_FullMethodName, route: "POST /v1/users",
			request: &userv1.CreateRequest{}}.forAnyone(invalid),
		rule{method: userv1.UserService_Get_FullMethodName, about: "oneself", route: "GET /v1/users/{id}", path: "/v1/users/me",
			request: &userv1.GetRequest{Id: "me"}}.answers(unknown, yes, yes, yes, yes).by("notification"),
		rule{method: userv1.UserService_Get_FullMethodName, about: "a customer", route: "GET /v1/users/{id}", path: "/v1/users/" + w.mine.UserID,
			request: &userv1.GetRequest{Id: w.mine.UserID}}.answers(unknown, yes, hidden, hidden, yes).by("notification"),
		rule{method: userv1.UserService_List_FullMethodName, route: "GET /v1/users",
			request: &userv1.ListRequest{}}.answers(unknown, denied, denied, denied, yes),
		rule{method: userv1.UserService_SetRoles_FullMethodName, route: "POST /v1/users/{id}:setRoles", path: "/v1/users/" + w.third.UserID + ":setRoles",
			request: &userv1.SetRolesRequest{Id: w.third.UserID, Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER}}}.answers(unknown, denied, denied, denied, yes),
		rule{method: userv1.UserService_Auth_FullMethodName, route: "POST /v1/tokens",
			request: &userv1.AuthRequest{}}.forAnyone(invalid),
		rule{method: userv1.UserService_ValidateToken_FullMethodName, route: "POST /v1/tokens:validate",
			request: &userv1.ValidateTokenRequest{Token: "rubbish"}}.forAnyone(yes),
		rule{method: userv1.UserService_RefreshToken_FullMethodName, route: "POST /v1/tokens:refresh",
			request: &userv1.RefreshTokenRequest{}}.forAnyone(invalid),
		rule{method: userv1.UserService_RevokeTokens_FullMethodName, about: "nothing named", route: "POST /v1/tokens:revoke",
			request: &userv1.RevokeTokensRequest{}}.forAnyone(invalid),
		rule{method: userv1.UserService_RevokeTokens_FullMethodName, about: "of somebody else", route: "POST /v1/tokens:revoke",
			request: &userv1.RevokeTokensRequest{UserId: w.third.UserID}}.answers(unknown, hidden, hidden, hidden, yes),

		rule{method: notificationv1.NotificationService_SendEmail_FullMethodName,
			request: &notificationv1.SendEmailRequest{}}.answers(unknown, denied, denied, denied, denied).by("consignment", "vessel", "inventory", "user"),
		rule{method: notificationv1.NotificationService_ListEmails_FullMethodName, route: "GET /v1/emails",
			request: &notificationv1.ListEmailsRequest{}}.answers(unknown, denied, denied, denied, yes),

		rule{method: opsv1.OpsService_Ping_FullMethodName, route: "POST /v1/apps/{app_id}:ping", path: "/v1/apps/vessel:ping",
			request: &opsv1.PingRequest{AppId: "vessel"}}.answers(unknown, yes, yes, yes, yes),
		rule{method: opsv1.OpsService_PingPong_FullMethodName,
			request: &opsv1.PingPongRequest{AppId: "vessel"}}.answers(unknown, yes, yes, yes, yes),

		rule{method: opsv1.OpsService_PublishEvent_FullMethodName, route: "POST /v1/topics/{topic}:publish", path: "/v1/topics/nowhere:publish",
			request: &opsv1.PublishEventRequest{Topic: "nowhere"}}.answers(unknown, denied, denied, hidden, denied),
		rule{method: opsv1.OpsService_ListDeadLetters_FullMethodName, route: "GET /v1/apps/{app_id}/deadLetters", path: "/v1/apps/vessel/deadLetters",
			request: &opsv1.ListDeadLettersRequest{AppId: "vessel"}}.answers(unknown, denied, denied, denied, yes),
		rule{method: opsv1.OpsService_ReplayDeadLetters_FullMethodName, route: "POST /v1/apps/{app_id}/deadLetters:replay", path: "/v1/apps/vessel/deadLetters:replay",
			request: &opsv1.ReplayDeadLettersRequest{AppId: "vessel"}}.answers(unknown, denied, denied, denied, invalid),
		rule{method: opsv1.OpsService_DiscardDeadLetters_FullMethodName, route: "POST /v1/apps/{app_id}/deadLetters:discard", path: "/v1/apps/vessel/deadLetters:discard",
			request: &opsv1.DiscardDeadLettersRequest{AppId: "vessel"}}.answers(unknown, denied, denied, denied, invalid),

		rule{method: grpc_health_v1.Health_Check_FullMethodName, request: &grpc_health_v1.HealthCheckRequest{}}.forAnyone(yes),
		rule{method: grpc_health_v1.Health_List_FullMethodName, request: &grpc_health_v1.HealthListRequest{}}.forAnyone(yes),
		rule{method: grpc_health_v1.Health_Watch_FullMethodName, request: &grpc_health_v1.HealthCheckRequest{}}.forAnyone(yes),
		rule{method: reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName, request: &reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
		}}.forAnyone(yes),
		rule{method: reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName, request: &reflectionv1alpha.ServerReflectionRequest{ //nolint:staticcheck // older clients still ask it
			MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{},
		}}.forAnyone(yes),
	}
}

// openAPI returns the routes that the gateway says it has: "METHOD /path".
func openAPI(t *testing.T, p *platform.Platform) []string {
	t.Helper()
	answer := p.Nobody().REST(t, "GET", "/openapi.json", nil)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(answer.Body, &document); err != nil || answer.Status != 200 {
		t.Fatalf("the OpenAPI document: answered %d, %v", answer.Status, err)
	}
	var routes []string
	for path, methods := range document.Paths {
		for method := range methods {
			routes = append(routes, upper(method)+" "+path)
		}
	}
	return routes
}
