package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

const revoke = userv1.UserService_RevokeTokens_FullMethodName

func upper(s string) string                  { return strings.ToUpper(s) }
func contains(all []string, one string) bool { return slices.Contains(all, one) }

// Every RPC and every route, asked by every kind of caller, answers what the table says.
func TestRules(t *testing.T) {
	w := newWorld(t, shared(t))
	rules := w.rules()
	wantWhole(t, w, rules)

	public := slices.Concat(w.strangers(t), w.users(t))
	// The gateway knows services, and offers them nothing: what they call is called past it.
	public = append(public, kind{"a service", w.AsApp(t, "user", "gateway").Token(t), func(r rule) codes.Code {
		switch {
		case r.anyone:
			return r.nobody
		case r.method == revoke:
			return unknown
		case contains(r.apps, "user"):
			return codes.Unimplemented
		}
		return denied
	}})
	for _, caller := range public {
		t.Run(caller.name, func(t *testing.T) {
			gateway := w.With(caller.token).Client(t)
			for _, r := range rules {
				wantAnswer(t, "gRPC", r, caller, call(t, gateway, r))
				if r.route != "" {
					wantAnswer(t, "REST", r, caller, w.overREST(t, caller.token, r))
				}
			}
		})
	}
}

// The services verify for themselves: the same answers at their own ports and through the sidecars
// of others, with the gateway out of the way.
func TestRulesPastTheGateway(t *testing.T) {
	w := newWorld(t, shared(t))
	known := slices.Concat(w.strangers(t), w.users(t))
	for _, app := range apps {
		var rules []rule
		for _, r := range w.rules() {
			if own := appOf(r); own == app || own == "" {
				rules = append(rules, r)
			}
		}
		t.Run(app, func(t *testing.T) {
			for _, caller := range slices.Concat(known, w.services(t, app)) {
				straight := w.With(caller.token).Straight(t, app)
				beside := w.With(caller.token).Beside(t, another(app)+".daprd", app)
				for _, r := range rules {
					wantAnswer(t, "app port", r, caller, call(t, straight, r))
					if strings.HasPrefix(r.method, "/seaport.") {
						wantAnswer(t, "sidecar of another", r, caller, call(t, beside, r))
					}
				}
			}
		})
	}
}

// appOf returns the service that a rule is about; "" for what every service has.
func appOf(r rule) string {
	for _, app := range apps {
		if strings.HasPrefix(r.method, "/seaport."+app+".") {
			return app
		}
	}
	return ""
}

func wantAnswer(t *testing.T, door string, r rule, caller kind, got codes.Code) {
	t.Helper()
	want := caller.want(r)
	if want == whatever && got != unknown && got != denied {
		return
	}
	if got != want {
		t.Errorf("%s: %s gets %s from %s, want %s", door, caller.name, got, r.name(), want)
	}
}

// wantWhole wants all that the gateway offers to be in the table, and nothing else.
func wantWhole(t *testing.T, w world, rules []rule) {
	t.Helper()
	var offered []string
	for _, service := range services(t, w.Nobody().Client(t).Conn) {
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Errorf("the gateway offers %s, which this test does not know: %v", service, err)
			continue
		}
		methods := found.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			offered = append(offered, fmt.Sprintf("/%s/%s", service, methods.Get(i).Name()))
		}
	}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			name := string(file.Services().Get(i).FullName())
			if strings.HasPrefix(name, "seaport.") && !slices.ContainsFunc(offered, func(m string) bool { return strings.HasPrefix(m, "/"+name+"/") }) {
				t.Errorf("%s has a contract and is not at the gateway", name)
			}
		}
		return true
	})
	for _, method := range offered {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.method == method }) {
			t.Errorf("%s is not in the table: say there who may call it", method)
		}
	}
	routes := openAPI(t, w.Platform)
	for _, route := range routes {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.route == route }) {
			t.Errorf("%s is not in the table: say there who may ask it", route)
		}
	}
	for _, r := range rules {
		if !slices.Contains(offered, r.method) || r.route != "" && !slices.Contains(routes, r.route) {
			t.Errorf("%s (%s) is in the table and not offered", r.method, r.route)
		}
	}
}

// services lists the services of a server by reflection.
func services(t *testing.T, conn *grpc.ClientConn) []string {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	return names
}

// call makes the request of a rule, unary or as the first message of a stream.
func call(t *testing.T, c *platform.Client, r rule) codes.Code {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(r.method, "/"), "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatal(err)
	}
	method := found.(protoreflect.MethodDescriptor)
	answer := dynamicpb.NewMessage(method.Output())
	if !method.IsStreamingClient() && !method.IsStreamingServer() {
		return codeOf(c.Conn.Invoke(t.Context(), r.method, r.request, answer))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := c.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, r.method)
	if err != nil {
		return codeOf(err)
	}
	if err := stream.SendMsg(r.request); err != nil && !errors.Is(err, io.EOF) {
		return codeOf(err)
	}
	if err := stream.CloseSend(); err != nil {
		return codeOf(err)
	}
	return codeOf(stream.RecvMsg(answer))
}

// httpStatus is how REST says the codes that are in the table.
var httpStatus = map[codes.Code]int{yes: 200, invalid: 400, unknown: 401, denied: 403, hidden: 404}

// overREST makes the request of a rule over REST and returns the code that the error names.
func (w world) overREST(t *testing.T, token string, r rule) codes.Code {
	t.Helper()
	method, path, _ := strings.Cut(r.route, " ")
	if r.path != "" {
		path = r.path
	}
	var body []byte
	if method != "GET" {
		body = r.body(t)
	}
	answer := w.With(token).REST(t, method, path, body)
	code := yes
	if answer.Status != 200 {
		code = codeIn(t, answer)
	}
	if httpStatus[code] != answer.Status {
		t.Errorf("%s answers %d with %s", r.route, answer.Status, answer.Body)
	}
	if challenge := answer.Header.Get("Www-Authenticate"); code == unknown && !strings.HasPrefix(challenge, "Bearer") {
		t.Errorf("%s: 401 has the challenge %q, want Bearer", r.route, challenge)
	}
	return code
}

// codeIn returns the code that the body of an error names.
func codeIn(t *testing.T, answer platform.Answer) codes.Code {
	t.Helper()
	var body struct {
		Error struct {
			Status  codes.Code `json:"status"`
			Message string     `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || body.Error.Message == "" {
		t.Errorf("REST: answered %d %s, which is no error as they are: %v", answer.Status, answer.Body, err)
	}
	return body.Error.Status
}
