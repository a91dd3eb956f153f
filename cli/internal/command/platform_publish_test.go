package command

import (
	"context"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// PublishEvent publishes everything, unless a function says otherwise.
func (o *ops) PublishEvent(ctx context.Context, req *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
	if o.publish != nil {
		return o.publish(ctx, req)
	}
	return &opsv1.PublishEventResponse{Id: req.GetId(), AppId: "user"}, nil
}
