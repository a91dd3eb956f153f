package booking

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// A roll-out from one encoding of events to the other and back: what a consumer has not taken yet when
// the producer changes is read by what it says it is.
func TestEncodingsMixed(t *testing.T) {
	data := platform.Folder(t)
	vessel, depot := "", ""
	for _, encoding := range []string{"json", "protobuf", "json"} {
		p := platform.StartIn(t, data, "--env", "consignment:SEAPORT_EVENT_ENCODING="+encoding)
		c := p.Client(t)
		if vessel == "" {
			vessel, depot = freight.Vessel(t, c, 100, 100_000), freight.Depot(t, c, 100)
		}
		for range 5 {
			freight.Book(t, c, freight.Order(vessel, 10, depot))
		}
		cancel(t, c, freight.Book(t, c, freight.Order(vessel, 10, depot)).GetId())
		p.Stop(t) // before the last events are confirmed, as likely as not
	}
	p := platform.StartIn(t, data)
	found := audit.Wait(t, p, p.Client(t), 30*time.Second)
	if len(found) != 18 {
		t.Errorf("%d consignments, want 18", len(found))
	}
	wantFree(t, p.Client(t), vessel, depot, 85, 99_850, 85)
	for _, contentType := range []string{"application/json", "application/protobuf"} {
		if !announced(t, p, contentType) {
			t.Errorf("the broker has no event of type %s", contentType)
		}
	}
}

// announced says whether the broker keeps an event of a content type.
func announced(t *testing.T, p *platform.Platform, contentType string) bool {
	t.Helper()
	if platform.OnRedis() {
		for _, event := range p.Stream(t, "consignment.booked") {
			if strings.Contains(event, contentType) {
				return true
			}
		}
		return false
	}
	found := false
	err := filepath.WalkDir(filepath.Join(p.Data, "nats"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || found {
			return err
		}
		content, err := os.ReadFile(path)
		found = strings.Contains(string(content), contentType)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
