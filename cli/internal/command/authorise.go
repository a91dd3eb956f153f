package command

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// needsNoToken says whether a call is for anyone and carries its own proof, a password or a refresh
// token. It is sent without an access token, which might have to be refreshed by such a call first.
func needsNoToken(method string, req any) bool {
	switch method {
	case userv1.UserService_Create_FullMethodName, userv1.UserService_Auth_FullMethodName, userv1.UserService_RefreshToken_FullMethodName:
		return true
	}
	revoke, ok := req.(*userv1.RevokeTokensRequest)
	return ok && revoke.GetRefreshToken() != ""
}

// unary is an interceptor that sends the caller's access token, and a call again with another one
// when the first is refused: what is UNAUTHENTICATED was not done.
func (c *caller) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if needsNoToken(method, req) {
		c.warn()
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	token, err := c.token(ctx)
	if err != nil {
		return err
	}
	err = invoke(c.bearing(ctx, token), method, req, reply, cc, opts...)
	if status.Code(err) != codes.Unauthenticated {
		return err
	}
	token, renewErr := c.renew(ctx, token)
	if renewErr != nil {
		return renewErr
	}
	if token != "" {
		err = invoke(c.bearing(ctx, token), method, req, reply, cc, opts...)
	}
	c.turnedAway.Store(status.Code(err) == codes.Unauthenticated)
	return err
}

// bearing returns ctx with the token for the call. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func (c *caller) bearing(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	c.warn()
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}
