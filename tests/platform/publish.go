package platform

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"testing"
)

// Event is what a test publishes.
type Event struct {
	ID, Topic, Type, ContentType string
	Data                         []byte
}

// Publish publishes an event through the sidecar of an app, as the app does.
func (p *Platform) Publish(t testing.TB, app string, e Event) {
	t.Helper()
	process, ok := p.Record(t).Process(app + ".daprd")
	if !ok {
		t.Fatalf("%s has no sidecar", app)
	}
	target := url.URL{
		Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(process.Ports["http"]), Path: "/v1.0/publish/pubsub/" + e.Topic,
		RawQuery: url.Values{"metadata.cloudevent.id": {e.ID}, "metadata.cloudevent.type": {e.Type}}.Encode(),
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.String(), bytes.NewReader(e.Data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", e.ContentType)
	request.Header.Set("dapr-api-token", p.APITokens(t, app).Sidecar)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("publishing %s to %s: %s", e.ID, e.Topic, response.Status)
	}
}
