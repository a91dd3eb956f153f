// Package rpc translates between the notification service's contract and its domain.
package rpc

import (
	"context"

	"google.golang.org/grpc"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/normalize"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/topic"
)

// Server is the NotificationService.
type Server struct {
	notificationv1.UnimplementedNotificationServiceServer

	notices *notification.Notices
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, notices *notification.Notices) {
	notificationv1.RegisterNotificationServiceServer(server, &Server{notices: notices})
}

// SendEmail implements the contract.
func (s *Server) SendEmail(ctx context.Context, req *notificationv1.SendEmailRequest) (*notificationv1.SendEmailResponse, error) {
	id, err := s.notices.Send(ctx, notification.Message{
		To: req.GetEmail(), Subject: req.GetSubject(), Text: req.GetContent(), App: auth.From(ctx).App, RequestID: normalize.Name(req.GetRequestId()),
	})
	if err != nil {
		return nil, err
	}
	return &notificationv1.SendEmailResponse{Id: id}, nil
}

// ListEmails implements the contract.
func (s *Server) ListEmails(ctx context.Context, req *notificationv1.ListEmailsRequest) (*notificationv1.ListEmailsResponse, error) {
	page, next, err := s.notices.Page(ctx, req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &notificationv1.ListEmailsResponse{NextPageToken: next}
	for i := range page {
		resp.Emails = append(resp.Emails, topic.ToProto(&page[i]))
	}
	return resp, nil
}
