package rpc

import (
	"context"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
)

// notification leaves out SendEmail: it is between services.
type notification struct {
	notificationv1.UnimplementedNotificationServiceServer

	client notificationv1.NotificationServiceClient
}

func (n *notification) ListEmails(ctx context.Context, req *notificationv1.ListEmailsRequest) (*notificationv1.ListEmailsResponse, error) {
	return n.client.ListEmails(ctx, req)
}
