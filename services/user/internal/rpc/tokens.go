package rpc

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/normalize"
	"seaport.example/services/internal/token"
	"seaport.example/services/user/internal/user"
)

// Auth implements the contract.
func (s *Server) Auth(ctx context.Context, req *userv1.AuthRequest) (*userv1.AuthResponse, error) {
	tokens, u, err := s.logins.Begin(ctx, req.GetEmail(), req.GetPassword())
	if err != nil {
		return nil, err
	}
	return &userv1.AuthResponse{Tokens: tokensToProto(&tokens), User: toProto(&u)}, nil
}

// RefreshToken implements the contract.
func (s *Server) RefreshToken(ctx context.Context, req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	tokens, err := s.logins.Refresh(ctx, req.GetRefreshToken(), normalize.Name(req.GetRequestId()))
	if err != nil {
		return nil, err
	}
	return &userv1.RefreshTokenResponse{Tokens: tokensToProto(&tokens)}, nil
}

// RevokeTokens implements the contract.
func (s *Server) RevokeTokens(ctx context.Context, req *userv1.RevokeTokensRequest) (*userv1.RevokeTokensResponse, error) {
	if (req.GetRefreshToken() == "") == (req.GetUserId() == "") {
		return nil, failure.Invalid("refresh_token", "name what to revoke: either a refresh_token or a user_id")
	}
	if req.GetRefreshToken() != "" {
		return answer(s.logins.End(ctx, req.GetRefreshToken()))
	}
	caller := auth.From(ctx)
	if caller.User == "" { // anybody may call this, since a refresh token is enough for its own log-in
		return nil, failure.Unauthenticated("log in first: to log out everywhere needs an access token (authorization: Bearer …)")
	}
	id, err := named(ctx, req.GetUserId())
	if err != nil {
		return nil, err
	}
	return answer(s.logins.EndAll(ctx, caller.Owner(), id))
}

func answer(err error) (*userv1.RevokeTokensResponse, error) {
	if err != nil {
		return nil, err
	}
	return &userv1.RevokeTokensResponse{}, nil
}

// ValidateToken implements the contract.
func (s *Server) ValidateToken(ctx context.Context, req *userv1.ValidateTokenRequest) (*userv1.ValidateTokenResponse, error) {
	switch n := len(req.GetToken()); {
	case n == 0:
		return nil, failure.Invalid("token", "is missing")
	case n > token.Longest:
		return nil, failure.Invalid("token", "must have at most %d bytes", token.Longest)
	}
	claims, err := s.verifier.Verify(req.GetToken())
	if e := failure.From(err); e != nil {
		if e.Code() == codes.Unauthenticated {
			return &userv1.ValidateTokenResponse{}, nil
		}
		return nil, e
	}
	stands, err := s.logins.Stands(ctx, claims.User, claims.ID) // a service's is no user's
	if err != nil {
		return nil, err
	}
	if !stands {
		return &userv1.ValidateTokenResponse{}, nil
	}
	return &userv1.ValidateTokenResponse{
		Valid: true, UserId: claims.User, Roles: rolesToProto(claims.Roles), ExpireTime: timestamppb.New(claims.Expires),
	}, nil
}

func tokensToProto(t *user.Tokens) *userv1.Tokens {
	return &userv1.Tokens{
		AccessToken: t.Access, AccessExpireTime: timestamppb.New(t.AccessExpires),
		RefreshToken: t.Refresh, RefreshExpireTime: timestamppb.New(t.RefreshExpires),
	}
}
