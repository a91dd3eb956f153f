package access_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
)

// Every method of every contract has one rule, and every rule a method.
func TestEveryMethodHasARule(t *testing.T) {
	t.Parallel()
	times := make(map[string]int)
	for _, rules := range access.Public {
		for method, rule := range rules {
			times[method]++
			if !rule.Anyone && len(rule.Roles)+len(rule.Own)+len(rule.Apps) == 0 {
				t.Errorf("nobody may call %s", method)
			}
			if rule.Sidecar {
				t.Errorf("%s is public and for the sidecar", method)
			}
		}
	}
	found := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "seaport.") {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for n := range service.Methods().Len() {
				found++
				method := "/" + string(service.FullName()) + "/" + string(service.Methods().Get(n).Name())
				if times[method] != 1 {
					t.Errorf("%s has %d rules", method, times[method])
				}
			}
		}
		return true
	})
	if found < 25 {
		t.Errorf("looked at %d methods only", found)
	}
}

// What only services and the highest roles may do, written down a second time: a slip of the table is to
// be seen.
func TestWhatIsNotForCustomers(t *testing.T) {
	t.Parallel()
	all := make(auth.Rules)
	for _, rules := range access.Public {
		for method, rule := range rules {
			all[method[strings.LastIndex(method, "/")+1:]] = rule
		}
	}
	for _, method := range []string{"CreateVessel", "StockDepot", "HoldCapacity", "ReleaseCapacity", "HoldContainers", "ReleaseContainers", "SetRoles", "SendEmail", "ListEmails"} {
		rule, ok := all[method]
		if !ok {
			t.Errorf("%s has no rule", method)
		}
		for _, role := range append(rule.Roles, rule.Own...) {
			if role == auth.Customer {
				t.Errorf("customers may call %s", method)
			}
		}
	}
}
