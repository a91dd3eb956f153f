package platform

import (
	"crypto/rand"
	"strings"
	"testing"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// User is a customer whom a test has registered.
type User struct {
	Caller
	Account

	Tokens *userv1.Tokens // of the first log-in
}

// Register registers a customer and logs in.
func (p *Platform) Register(t testing.TB) User {
	t.Helper()
	user := User{Account: NewAccount()}
	client, err := p.unknown()
	if err != nil {
		t.Fatal(err)
	}
	created, err := client.Users.Create(t.Context(), &userv1.CreateRequest{
		Name: "A customer", Company: "Of a test", Email: user.Email, Password: user.Password,
	})
	if err != nil {
		t.Fatalf("registering %s: %v", user.Email, err)
	}
	user.UserID = created.GetUser().GetId()
	answer, err := client.Users.Auth(t.Context(), &userv1.AuthRequest{Email: user.Email, Password: user.Password})
	if err != nil {
		t.Fatalf("logging in %s: %v", user.Email, err)
	}
	user.Tokens = answer.GetTokens()
	user.Caller = p.With(user.Tokens.GetAccessToken())
	return user
}

// NewAccount returns an address and a password that nobody has.
func NewAccount() Account {
	return Account{Role: Customer, Email: strings.ToLower(rand.Text()) + "@test.example", Password: rand.Text()}
}
