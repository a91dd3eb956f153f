package document_test

import (
	"context"
	"slices"
	"testing"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

func TestUpdateReadingGivesTheKeys(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	fake.Set("row/1", []byte("one"))
	store := replica(t, fake)
	doc, err := store.UpdateReading(t.Context(), "a", []string{"row/1", "row/2"}, func(doc *tally, values map[string]sidecar.Value) error {
		if got := string(values["row/1"].Data); got != "one" || !values["row/2"].Missing() {
			t.Errorf("the change was given %v", values)
		}
		return increment(doc)
	})
	if err != nil || doc.N != 1 {
		t.Errorf("UpdateReading = %+v, %v", doc, err)
	}
}

// A conflict has the keys read again, and not the document alone.
func TestUpdateReadingReadsAgain(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	store := replica(t, fake)
	fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Times: 1, Before: func(context.Context, sidecartest.Call) error {
		fake.Set("row/1", []byte("moved"))
		fake.Set("tally/a", []byte(`{"n":5}`))
		return nil
	}})
	var seen []string
	doc, err := store.UpdateReading(t.Context(), "a", []string{"row/1"}, func(doc *tally, values map[string]sidecar.Value) error {
		seen = append(seen, string(values["row/1"].Data))
		return increment(doc)
	})
	if err != nil || doc.N != 6 || !slices.Equal(seen, []string{"", "moved"}) {
		t.Errorf("UpdateReading = %+v, %v, having seen %q", doc, err, seen)
	}
}

// What moves from the document to a row of its own, first written there and then taken out of the
// document, is always seen in one of the two. A store may read many keys in any order.
func TestWhatMovesToARowIsSeen(t *testing.T) {
	t.Parallel()
	for _, remembered := range []bool{false, true} {
		for range 20 { // two keys in any order: one in a million runs would see only one of the orders
			fake := sidecartest.New()
			store := replica(t, fake)
			if remembered {
				remembering(t, fake, store)
			}
			fake.Set("tally/a", []byte(`{"n":1,"seen":["thing"]}`))
			move := func() {
				if len(fake.Keys("row")) == 0 {
					fake.Set("row", []byte(`"thing"`))
					fake.Set("tally/a", []byte(`{"n":2}`))
				}
			}
			fake.Inject(sidecartest.Fault{Op: sidecartest.Get, Key: "tally/a", After: func(context.Context, sidecartest.Call) error { move(); return nil }})
			fake.Inject(sidecartest.Fault{Op: sidecartest.GetMany, Between: move})
			var doc tally
			var row bool
			if _, err := store.UpdateReading(t.Context(), "a", []string{"row"}, func(d *tally, values map[string]sidecar.Value) error {
				doc, row = *d, !values["row"].Missing()
				return increment(d)
			}); err != nil {
				t.Fatal(err)
			}
			if len(doc.Seen) == 0 && !row {
				t.Fatalf("remembered %v: it was seen neither in the document nor in the row, and the change was stored", remembered)
			}
		}
	}
}
