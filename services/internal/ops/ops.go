// Package ops is the ops service that every app offers to those who run it.
package ops

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/event"
)

// Config is what the ops service of an app works with.
type Config struct {
	App       string // its app-id
	Letters   *deadletter.Office
	Publisher Publisher
	Encoding  event.Encoding // of the events that the app announces
	Log       *slog.Logger
}

// Register puts the ops service of an app on its server.
func Register(server grpc.ServiceRegistrar, cfg Config) {
	opsv1.RegisterOpsServiceServer(server, &service{cfg: cfg})
}

type service struct {
	opsv1.UnimplementedOpsServiceServer

	cfg Config
}

func (s *service) Ping(_ context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	return &opsv1.PingResponse{AppId: s.cfg.App, Sequence: req.GetSequence(), AnswerTime: timestamppb.Now()}, nil
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
		if err := stream.Send(&opsv1.PingPongResponse{AppId: s.cfg.App, Stroke: req.GetStroke()}); err != nil {
			return err
		}
	}
}
