package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// loginLimit is how long logging in the command line may take; the platform does without.
const loginLimit = 20 * time.Second

// clerk keeps the command line of this user logged in at the platform.
type clerk struct {
	store  *credentials.Store
	server string // host:port
	users  userv1.UserServiceClient
}

func newClerk(server string, conn *grpc.ClientConn) (*clerk, error) {
	store, err := credentials.Open()
	if err != nil {
		return nil, err
	}
	return &clerk{store: store, server: server, users: userv1.NewUserServiceClient(conn)}, nil
}

// settle returns who is logged in: whoever is already, as long as the platform takes it; else the user, if there is one;
// else nobody.
func (c *clerk) settle(ctx context.Context, user *sampleUser) (email string, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	login, there, err := c.store.Get(c.server)
	if err != nil {
		return "", err
	}
	if there {
		good, err := c.good(ctx, login)
		if good || err != nil {
			return login.Email, err
		}
	}
	if user == nil {
		return "", nil
	}
	response, err := c.users.Auth(ctx, &userv1.AuthRequest{Email: user.Email, Password: user.Password})
	if err != nil {
		return "", fmt.Errorf("logging in %s: %w", user.Email, err)
	}
	return user.Email, c.store.Put(c.server, withTokens(credentials.Login{
		UserID: response.GetUser().GetId(), Email: response.GetUser().GetEmail(), Roles: roleNames(response.GetUser().GetRoles()),
	}, response.GetTokens()))
}

// good says whether the platform takes a log-in, one of another data folder for instance. It refreshes it if need be; one
// that is no good is forgotten.
func (c *clerk) good(ctx context.Context, login credentials.Login) (bool, error) {
	answer, err := c.users.ValidateToken(ctx, &userv1.ValidateTokenRequest{Token: login.AccessToken})
	if err != nil && status.Code(err) != codes.InvalidArgument {
		return false, err
	}
	if answer.GetValid() {
		return true, nil
	}
	// Another command may have refreshed it meanwhile.
	usable := func(stored credentials.Login) bool { return stored.AccessToken != login.AccessToken }
	_, err = c.store.Refresh(ctx, c.server, usable, func(old credentials.Login) (credentials.Login, error) {
		response, err := c.users.RefreshToken(ctx, &userv1.RefreshTokenRequest{RefreshToken: old.RefreshToken, RequestId: old.RefreshRequest})
		if code := status.Code(err); code == codes.Unauthenticated || code == codes.InvalidArgument {
			return old, credentials.ErrOver
		}
		return withTokens(old, response.GetTokens()), err
	})
	if errors.Is(err, credentials.ErrOver) || errors.Is(err, credentials.ErrNone) {
		return false, nil
	}
	return err == nil, err
}

func withTokens(login credentials.Login, tokens *userv1.Tokens) credentials.Login {
	login.AccessToken, login.AccessExpires = tokens.GetAccessToken(), tokens.GetAccessExpireTime().AsTime()
	login.RefreshToken, login.RefreshExpires = tokens.GetRefreshToken(), tokens.GetRefreshExpireTime().AsTime()
	return login
}

func roleNames(roles []userv1.Role) []string {
	names := make([]string, 0, len(roles))
	for _, role := range roles {
		names = append(names, strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_")))
	}
	return names
}
