package ops

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/deadletter"
)

func (s *service) ListDeadLetters(ctx context.Context, req *opsv1.ListDeadLettersRequest) (resp *opsv1.ListDeadLettersResponse, err error) {
	resp = &opsv1.ListDeadLettersResponse{}
	var letters []deadletter.Letter
	if len(req.GetIds()) > 0 {
		letters, err = s.cfg.Letters.Get(ctx, req.GetIds())
	} else {
		letters, resp.NextPageToken, err = s.cfg.Letters.Page(ctx, req.GetPageSize(), req.GetPageToken())
	}
	if err != nil {
		return nil, err
	}
	for i := range letters {
		resp.DeadLetters = append(resp.DeadLetters, toProto(&letters[i]))
	}
	return resp, nil
}

func (s *service) ReplayDeadLetters(ctx context.Context, req *opsv1.ReplayDeadLettersRequest) (*opsv1.ReplayDeadLettersResponse, error) {
	reasons, err := s.cfg.Letters.Replay(ctx, req.GetIds())
	if err != nil {
		return nil, err
	}
	resp := &opsv1.ReplayDeadLettersResponse{}
	for i, id := range req.GetIds() {
		resp.Results = append(resp.Results, &opsv1.ReplayResult{Id: id, Handled: reasons[i] == "", Reason: reasons[i]})
	}
	return resp, nil
}

func (s *service) DiscardDeadLetters(ctx context.Context, req *opsv1.DiscardDeadLettersRequest) (*opsv1.DiscardDeadLettersResponse, error) {
	discarded, err := s.cfg.Letters.Discard(ctx, req.GetIds())
	if err != nil {
		return nil, err
	}
	return &opsv1.DiscardDeadLettersResponse{Discarded: int32(discarded)}, nil //nolint:gosec // at most what was asked for
}

func toProto(l *deadletter.Letter) *opsv1.DeadLetter {
	return &opsv1.DeadLetter{
		Id: l.ID, Topic: l.Topic, Type: l.Type, ContentType: l.ContentType, Data: l.Data, Reason: l.Reason,
		Attempts:   int32(l.Attempts), //nolint:gosec // counted one by one
		CreateTime: timestamppb.New(l.CreateTime), UpdateTime: timestamppb.New(l.UpdateTime),
	}
}
