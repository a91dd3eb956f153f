package document_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"seaport.example/services/internal/document"
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
	fake := sidecartest.New()
	mover, reader := fake.State(t), replica(t, fake)
	docs := document.NewStore[tally](mover, "tally/")
	ctx := t.Context()
	for round := range 150 {
		if _, err := docs.Update(ctx, "a", func(doc *tally) error { doc.Seen = []string{"thing"}; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := mover.Transact(ctx, nil, []string{"row"}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			data, _ := json.Marshal("thing")
			if err := mover.Transact(ctx, []sidecar.Item{{Key: "row", Data: data}}, nil); err != nil {
				t.Error(err)
			}
			if _, err := docs.Update(ctx, "a", func(doc *tally) error { doc.Seen = nil; return nil }); err != nil {
				t.Error(err)
			}
		})
		for range 5 {
			lost := false
			if _, err := reader.UpdateReading(ctx, "a", []string{"row"}, func(doc *tally, values map[string]sidecar.Value) error {
				lost = len(doc.Seen) == 0 && values["row"].Missing()
				return increment(doc)
			}); err != nil {
				t.Fatal(err)
			}
			if lost {
				t.Fatalf("round %d: it was seen neither in the document nor in the row, and the change was stored", round)
			}
		}
		wg.Wait()
	}
}
