package rpc_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/failure"
)

// letters is a notification service.
type letters struct {
	notificationv1.UnimplementedNotificationServiceServer
}

func (letters) SendEmail(context.Context, *notificationv1.SendEmailRequest) (*notificationv1.SendEmailResponse, error) {
	return &notificationv1.SendEmailResponse{}, nil
}

func (letters) ListEmails(_ context.Context, req *notificationv1.ListEmailsRequest) (*notificationv1.ListEmailsResponse, error) {
	if req.GetPageToken() == "bad" {
		return nil, failure.Invalid("page_token", "is bad")
	}
	return &notificationv1.ListEmailsResponse{NextPageToken: req.GetPageToken() + "+"}, nil
}

func TestEmails(t *testing.T) {
	t.Parallel()
	behind := apps{"notification": listen(t, func(s *grpc.Server) { notificationv1.RegisterNotificationServiceServer(s, letters{}) })}
	for _, app := range rpc.Behind {
		if behind[app] == nil {
			behind[app] = behind["notification"]
		}
	}
	c := notificationv1.NewNotificationServiceClient(listen(t, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Insecure: true}) }))
	if got, err := c.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{PageToken: "p"}); err != nil || got.GetNextPageToken() != "p+" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := c.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{PageToken: "bad"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a refusal arrives as %v", err)
	}
	if _, err := c.SendEmail(t.Context(), &notificationv1.SendEmailRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("SendEmail is public: %v", err)
	}
}
