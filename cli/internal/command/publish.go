package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"seaport.example/cli/internal/document"
	"seaport.example/cli/internal/shell"
	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func newPublishCommand(s *session) *cobra.Command {
	var (
		id      string
		every   time.Duration
		example bool
	)
	cmd := &cobra.Command{
		Use:   "publish TOPIC [FILE]",
		Short: "Publish an event by hand; for operators",
		Long: `Publishes an event to TOPIC in the name of the service that publishes there, and prints its id. Whoever
listens takes it for the service's own: an event about a booking that was never made confuses
those who believe it.

FILE holds the payload, one JSON object; "-", or no FILE, is standard input. --example prints a payload
to start from. A field that the topic's payload does not have is refused, and so is a payload
over 256 KiB.

Who has handled an event does not handle another of the same id: with --id an event may be sent again.
--every sends the same payload again and again, each time with a new id, until Ctrl-C; where
Seaport does not answer, it says so and goes on.`,
		Example: `  seaport publish user.created --example > welcome.json
  seaport publish user.created welcome.json
  seaport publish user.created welcome.json --every 1s --output json`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "" {
				return badUsage(cmd, errors.New("TOPIC: must not be empty"))
			}
			if example {
				return writeExample(s.stdout, args[0])
			}
			again := cmd.Flags().Changed("every")
			if again && every <= 0 {
				return badUsage(cmd, errors.New("--every: must be above zero, for instance 1s"))
			}
			data, err := loadPayload(cmd.Context(), s.stdin, args)
			if err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			p := &publication{s: s, client: opsv1.NewOpsServiceClient(conn), topic: args[0], data: data}
			if again {
				return p.repeat(cmd.Context(), every)
			}
			if id == "" {
				id = uuid.NewString()
			}
			return p.once(cmd.Context(), id)
		},
	}
	cmd.Flags().StringVar(&id, "id", "", "the `id` of the event (default: a new one)")
	cmd.Flags().DurationVar(&every, "every", 0, "publish again after each such `time`, for instance 1s, until Ctrl-C")
	cmd.Flags().BoolVar(&example, "example", false, "print a payload for TOPIC, and publish nothing")
	cmd.MarkFlagsMutuallyExclusive("id", "every", "example")
	return cmd
}

// loadPayload reads the payload from the file named after the topic, else from standard input unless a person sits
// there.
func loadPayload(ctx context.Context, stdin io.Reader, args []string) (*structpb.Struct, error) {
	file := document.Stdin
	switch {
	case len(args) > 1:
		file = args[1]
	case isTerminal(stdin):
		return nil, &inputError{
			err:  errors.New("FILE: is missing: the payload, one JSON object"),
			next: fmt.Sprintf("\"seaport publish %s --example\" prints one to start from; \"-\" is standard input.", shell.Word(args[0])),
		}
	}
	return unlessDone(ctx, func() (*structpb.Struct, error) { return document.LoadObject(file, stdin) })
}

// publication publishes a payload.
type publication struct {
	s      *session
	client opsv1.OpsServiceClient
	topic  string
	data   *structpb.Struct
}

func (p *publication) send(ctx context.Context, id string) (*opsv1.PublishEventResponse, error) {
	return p.client.PublishEvent(ctx, &opsv1.PublishEventRequest{Topic: p.topic, Id: id, Data: p.data})
}

// once publishes one event.
func (p *publication) once(ctx context.Context, id string) error {
	resp, err := p.send(ctx, id)
	if err != nil {
		return p.inDoubt(err, id)
	}
	p.s.did("event %s is published", visible(id))
	return p.s.present(resp, func(w io.Writer) error { return p.writeLine(w, resp) })
}

// inDoubt adds to an error after which the event may still have been published how to make sure.
func (p *publication) inDoubt(err error, id string) error {
	st, ok := callStatus(err)
	if !ok || !p.s.connected.Load() { // without a connection nothing was sent
		return err
	}
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
		return &advisedError{err: err, next: fmt.Sprintf(
			"Whether it was published is not known. Repeat it with --id %s: then it is handled at most once.", shell.Word(id))}
	}
	return err
}

// repeat publishes an event with a new id at once, and again after each interval, until ctx ends. An error that
// passes by itself is told, and is no end.
func (p *publication) repeat(ctx context.Context, every time.Duration) error {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		resp, err := p.send(ctx, uuid.NewString())
		switch {
		case err == nil:
			err = p.tell(resp)
		case ctx.Err() != nil:
			return ctx.Err()
		case passing(err):
			p.sayMissed(err)
			err = nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell prints one of many events.
func (p *publication) tell(resp *opsv1.PublishEventResponse) error {
	if p.s.output == outputJSON {
		return writeMessageLine(p.s.stdout, resp)
	}
	return p.writeLine(p.s.stdout, resp)
}

func (p *publication) writeLine(w io.Writer, resp *opsv1.PublishEventResponse) error {
	_, err := fmt.Fprintf(w, "event %s: published to %s by %s\n", visible(resp.GetId()), visible(p.topic), visible(resp.GetAppId()))
	return err
}

// sayMissed tells a person of an event that was not published, or is not known to be.
func (p *publication) sayMissed(err error) {
	if p.s.format() == outputJSON {
		return
	}
	f := explain(err, p.s)
	fmt.Fprintf(p.s.stderr, "seaport: not published: %s (%s); going on\n", visible(f.message), f.status)
}

// passing says whether an error goes away by itself: Seaport, or a part of it, is away or busy.
func passing(err error) bool {
	st, ok := callStatus(err)
	return ok && (st.Code() == codes.Unavailable || st.Code() == codes.DeadlineExceeded || st.Code() == codes.ResourceExhausted)
}
