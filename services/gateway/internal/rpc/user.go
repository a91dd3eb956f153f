package rpc

import (
	"context"

	userv1 "seaport.example/proto/seaport/user/v1"
)

type users struct {
	userv1.UnimplementedUserServiceServer

	client userv1.UserServiceClient
}

func (u *users) Create(ctx context.Context, req *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	identify(&req.RequestId)
	return u.client.Create(ctx, req)
}

func (u *users) Get(ctx context.Context, req *userv1.GetRequest) (*userv1.GetResponse, error) {
	return u.client.Get(ctx, req)
}

func (u *users) List(ctx context.Context, req *userv1.ListRequest) (*userv1.ListResponse, error) {
	return u.client.List(ctx, req)
}

func (u *users) Auth(ctx context.Context, req *userv1.AuthRequest) (*userv1.AuthResponse, error) {
	return u.client.Auth(ctx, req)
}

func (u *users) ValidateToken(ctx context.Context, req *userv1.ValidateTokenRequest) (*userv1.ValidateTokenResponse, error) {
	return u.client.ValidateToken(ctx, req)
}

func (u *users) RefreshToken(ctx context.Context, req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	identify(&req.RequestId)
	return u.client.RefreshToken(ctx, req)
}

func (u *users) RevokeTokens(ctx context.Context, req *userv1.RevokeTokensRequest) (*userv1.RevokeTokensResponse, error) {
	return u.client.RevokeTokens(ctx, req)
}

func (u *users) SetRoles(ctx context.Context, req *userv1.SetRolesRequest) (*userv1.SetRolesResponse, error) {
	return u.client.SetRoles(ctx, req)
}
