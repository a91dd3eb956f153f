package runner

import (
	"testing"
	"time"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

const testServer = "localhost:8080"

func TestSettle(t *testing.T) {
	customer := &sampleUser{Role: "customer", Email: "customer@seaport.example", Password: "secret"}
	later := time.Now().Add(time.Hour)
	login := func(access, refresh string) *credentials.Login {
		return &credentials.Login{
			UserID: "x", Email: "somebody@seaport.example", Roles: []string{"operator"},
			AccessToken: access, AccessExpires: later, RefreshToken: refresh, RefreshExpires: later,
		}
	}
	tests := []struct {
		name   string
		stored *credentials.Login
		user   *sampleUser
		want   string // who is logged in then
		access string // with which token
	}{
		{"for the first time", nil, customer, "customer@seaport.example", "access2"},
		{"somebody is logged in", login("access1", "refresh1"), customer, "somebody@seaport.example", "access1"},
		{"somebody's token has expired", login("old", "refresh1"), customer, "somebody@seaport.example", "access2"},
		{"somebody of another data folder", login("foreign", "foreign"), customer, "customer@seaport.example", "access2"},
		{"nobody can log in", nil, nil, "", ""},
		{"somebody of another data folder, and nobody can log in", login("foreign", "foreign"), nil, "", ""},
		{"a wrong password", nil, &sampleUser{Email: customer.Email, Password: "other"}, "error", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(credentials.FolderEnv, t.TempDir())
			fake := newFakeUsers()
			fake.created[customer.Email] = &userv1.CreateRequest{Password: customer.Password}
			fake.users["id of "+customer.Email] = &userv1.User{Id: "id", Email: customer.Email, Roles: []userv1.Role{userv1.Role_ROLE_CUSTOMER}}
			fake.pair()
			clerk, err := newClerk(testServer, fake.serve(t))
			if err != nil {
				t.Fatal(err)
			}
			if test.stored != nil {
				if err := clerk.store.Put(testServer, *test.stored); err != nil {
					t.Fatal(err)
				}
			}
			email, err := clerk.settle(t.Context(), test.user)
			if (err != nil) != (test.want == "error") || err == nil && email != test.want {
				t.Fatalf("logged in is %q, %v, want %q", email, err, test.want)
			}
			got, there, err := clerk.store.Get(testServer)
			if err != nil || there != (test.access != "") || got.AccessToken != test.access {
				t.Errorf("stored is %q of %s, %v, want %q", got.AccessToken, got.Email, err, test.access)
			}
			if there && (got.Email != test.want || got.UserID == "" || len(got.Roles) != 1 || !got.RefreshExpires.After(time.Now())) {
				t.Errorf("stored is %+v", got)
			}
		})
	}
}
