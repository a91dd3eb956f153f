// Package ops is the ops service that every app offers to those who run it.
package ops

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/deadletter"
)

// Register puts the ops service of an app on its server.
func Register(server grpc.ServiceRegistrar, appID string, letters *deadletter.Office) {
	opsv1.RegisterOpsServiceServer(server, &service{appID: appID, letters: letters})
}

type service struct {
	opsv1.UnimplementedOpsServiceServer

	appID   string
	letters *deadletter.Office
}

func (s *service) Ping(_ context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	return &opsv1.PingResponse{AppId: s.appID, Sequence: req.GetSequence(), AnswerTime: timestamppb.Now()}, nil
}

func (s *service) PingPong(stream opsv1.OpsService_PingPongServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&opsv1.PingPongResponse{AppId: s.appID, Stroke: req.GetStroke()}); err != nil {
			return err
		}
	}
}
