package command

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// durations matches the figures that differ from run to run.
var durations = regexp.MustCompile(`\d+\.\d+|\d{3,}`)

func TestPing(t *testing.T) {
	for _, mode := range []string{"stream", "unary"} {
		t.Run(mode, func(t *testing.T) {
			p := newPlatform(t)
			args := []string{"ping", "consignment", "-n", "3"}
			if mode == "unary" {
				args = append(args, "--unary")
			}
			got := p.run(t, "", args...)
			want := "stroke 1: answer from consignment in X ms\n" +
				"stroke 2: answer from consignment in X ms\n" +
				"stroke 3: answer from consignment in X ms\n" +
				"\n3 strokes (" + mode + ") in ms: min X  p50 X  p90 X  p99 X  max X\n"
			if text := durations.ReplaceAllString(got.stdout, "X"); got.exit != exitOK || text != want {
				t.Errorf("exit %d, got\n%s\nwant\n%s\nstderr %s", got.exit, text, want, got.stderr)
			}

			got = p.run(t, "", append(args, "--output", "json")...)
			var doc pingDocument
			if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.AppID != "consignment" || doc.Mode != mode || len(doc.Strokes) != 3 || doc.Strokes[2].Stroke != 3 || doc.RoundTripMS.Max <= 0 {
				t.Errorf("got %+v", doc)
			}
		})
	}
}

func TestPingBreaksOff(t *testing.T) {
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	tests := []struct {
		name string
		echo func(*opsv1.PingPongRequest) (*opsv1.PingPongResponse, error) // of the third stroke
		exit int
		want string // part of stderr
	}{
		{"refused", func(*opsv1.PingPongRequest) (*opsv1.PingPongResponse, error) {
			return nil, status.Error(codes.NotFound, "no such app")
		}, exitFailed, "no such app (NOT_FOUND)"},
		{"another stroke", func(*opsv1.PingPongRequest) (*opsv1.PingPongResponse, error) {
			return &opsv1.PingPongResponse{Stroke: 8}, nil
		}, exitFailed, "stroke 3 was answered as stroke 8"},
		{"no answer", func(*opsv1.PingPongRequest) (*opsv1.PingPongResponse, error) {
			<-held
			return nil, status.Error(codes.Aborted, "too late")
		}, exitUnreachable, "within 100ms"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			p.echo = func(req *opsv1.PingPongRequest) (*opsv1.PingPongResponse, error) {
				if req.GetStroke() < 3 {
					return &opsv1.PingPongResponse{AppId: "vessel", Stroke: req.GetStroke()}, nil
				}
				return tt.echo(req)
			}
			got := p.run(t, "", "ping", "vessel", "--timeout", "100ms")
			if got.exit != tt.exit || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
			}
			if !strings.Contains(got.stdout, "\n2 strokes (stream)") {
				t.Errorf("what was measured is not summed up: %q", got.stdout)
			}
		})
	}
}
