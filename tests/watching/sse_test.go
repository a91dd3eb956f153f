package watching

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/platform"
)

// overSSE is overGRPC by Server-Sent Events.
func overSSE(t *testing.T, p *platform.Platform, caller platform.Caller, customer string) func(ctx context.Context, last string, told func(event)) error {
	t.Helper()
	token := caller.Token(t)
	return func(ctx context.Context, last string, told func(event)) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+"/v1/consignments:watch?"+url.Values{"customer_id": {customer}}.Encode(), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return status.Error(codes.Unavailable, err.Error())
		}
		defer func() { _ = response.Body.Close() }()
		if kind := response.Header.Get("Content-Type"); response.StatusCode == http.StatusServiceUnavailable {
			return status.Error(codes.Unavailable, response.Status)
		} else if response.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/event-stream") {
			return fmt.Errorf("answered %s, %s", response.Status, kind)
		}
		return readEvents(bufio.NewScanner(response.Body), told)
	}
}

// readEvents reads until the connection breaks, or an event says that the watch is over.
func readEvents(lines *bufio.Scanner, told func(event)) error {
	var id, name, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && name != "":
			if name == "error" {
				return errorOf(data)
			}
			e := event{id: id, what: name}
			if name == "booked" || name == "cancelled" {
				e.change = new(consignmentv1.ConsignmentChange)
				if err := protojson.Unmarshal([]byte(data), e.change); err != nil {
					return err
				}
			}
			told(e)
			name, data = "", ""
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data = value
		}
	}
	return status.Error(codes.Unavailable, "the connection broke")
}

// errorOf returns the error that an event brings.
func errorOf(data string) error {
	var body struct {
		Error struct {
			Status  codes.Code
			Message string
		}
	}
	if err := json.Unmarshal([]byte(data), &body); err != nil {
		return err
	}
	return status.Error(body.Error.Status, body.Error.Message)
}
