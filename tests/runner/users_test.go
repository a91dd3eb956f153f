package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

// There is a sample user a role, from the first start on; a start that was cut short is made good by
// the next one.
func TestSampleUsers(t *testing.T) {
	data := platform.Folder(t)
	p := platform.StartIn(t, data, "--no-seed")
	roles := map[string]userv1.Role{
		platform.Customer: userv1.Role_ROLE_CUSTOMER, platform.Operator: userv1.Role_ROLE_OPERATOR, platform.Admin: userv1.Role_ROLE_ADMIN,
	}
	ids := make(map[string]string)
	wantUsers := func() {
		t.Helper()
		for name, role := range roles {
			answer, err := p.As(t, name).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"})
			if err != nil {
				t.Fatal(err)
			}
			user := answer.GetUser()
			if !slices.Equal(user.GetRoles(), []userv1.Role{role}) || user.GetId() != p.Account(t, name).UserID {
				t.Errorf("the sample %s is %v, want role %s alone", name, user, role)
			}
			if ids[name] != "" && ids[name] != user.GetId() {
				t.Errorf("the sample %s was user %s and is %s", name, ids[name], user.GetId())
			}
			ids[name] = user.GetId()
		}
	}
	wantUsers()

	// As if the start had ended between making the operator and giving it its role.
	_, err := p.As(t, platform.Admin).Client(t).Users.SetRoles(t.Context(), &userv1.SetRolesRequest{Id: ids[platform.Operator], Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER}})
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(t)
	name := filepath.Join(data, "users.json")
	forget(t, name, platform.Operator)
	p = platform.StartIn(t, data, "--no-seed")
	wantUsers()
	p.Stop(t)

	// Without the file nobody knows the passwords, which is said; the platform runs all the same.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	p = platform.StartIn(t, data, "--no-seed")
	content, err := os.ReadFile(filepath.Join(data, "up.log"))
	if err != nil {
		t.Fatal(err)
	}
	last := string(content[strings.LastIndex(string(content), "processes are up"):])
	for role := range roles {
		if !strings.Contains(last, role+"@seaport.example") {
			t.Errorf("nothing is said of the sample %s:\n%s", role, last)
		}
	}
}

// forget removes the id of a sample user from the file.
func forget(t *testing.T, name, role string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var users []platform.Account
	if err := json.Unmarshal(content, &users); err != nil {
		t.Fatal(err)
	}
	for i := range users {
		if users[i].Role == role {
			users[i].UserID = ""
		}
	}
	if content, err = json.Marshal(users); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
