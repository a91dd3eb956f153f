package command

import (
	"context"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
)

// notifications is a fake with two e-mails, on pages of their own.
type notifications struct {
	notificationv1.UnimplementedNotificationServiceServer
}

func (*notifications) ListEmails(_ context.Context, req *notificationv1.ListEmailsRequest) (*notificationv1.ListEmailsResponse, error) {
	if req.GetPageToken() == "" {
		return &notificationv1.ListEmailsResponse{NextPageToken: "second page", Emails: []*notificationv1.Email{{
			Id: "e2", Email: "nobody@x.invalid", Subject: "Welcome\x1b[2J", Content: "Hi", MessageId: "e2@seaport.example", Topic: "user.created",
			Status: notificationv1.EmailStatus_EMAIL_STATUS_FAILED, CreateTime: noon, Attempts: 1, Reason: "no mailboxes in .invalid",
		}}}, nil
	}
	return &notificationv1.ListEmailsResponse{Emails: []*notificationv1.Email{{
		Id: "e1", Email: "ada@x.example", Subject: "Welcome", Content: "Hi", MessageId: "e1@seaport.example", Topic: "user.created",
		Status: notificationv1.EmailStatus_EMAIL_STATUS_SENT, CreateTime: noon, SendTime: noon, Attempts: 0,
	}}}, nil
}
