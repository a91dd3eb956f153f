package secrets

import (
	"os"
	"slices"
	"testing"
	"time"
)

func ids(set keySet) []string {
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.ID)
	}
	return ids
}

func TestRenew(t *testing.T) {
	due := start.Truncate(time.Second).Add(signingTime) // when the second key begins to sign
	tests := []struct {
		name    string
		at      time.Time
		dropped bool
		next    time.Time // when the newest key begins to sign
	}{
		{"long before", start.Add(time.Hour), false, due},
		{"when the second key is in use", due.Add(time.Minute), false, due},
		{"at the last moment of the first", due.Add(overlap - time.Second), false, due},
		{"when the first is retired", due.Add(overlap), true, due.Add(signingTime)},
		// Not at once: nobody knows the new key yet.
		{"after a long pause", due.Add(5 * signingTime), true, due.Add(5*signingTime + overlap)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			before := ids(open(t, data, start, apps...).Users)
			after := open(t, data, test.at, apps...).Users
			if len(after.Keys) != 2 {
				t.Fatalf("there are %d keys", len(after.Keys))
			}
			first, second := after.Keys[0], after.Keys[1]
			want := before
			if test.dropped {
				want = []string{before[1], second.ID}
			}
			if got := ids(after); !slices.Equal(got, want) || slices.Equal(got, before) == test.dropped {
				t.Errorf("keys = %v, want %v", got, want)
			}
			if !second.From.Equal(test.next) || !first.Until.Equal(test.next.Add(overlap)) || !second.Until.IsZero() {
				t.Errorf("the first is good until %s, the second signs from %s, want %s", first.Until, second.From, test.next)
			}
		})
	}
}

func TestOrderInTheFileDoesNotMatter(t *testing.T) {
	data := t.TempDir()
	keys := open(t, data, start, apps...)
	before := ids(keys.Users)
	slices.Reverse(keys.Users.Keys)
	if err := keys.write(Folder(data)); err != nil {
		t.Fatal(err)
	}
	if after := ids(open(t, data, start, apps...).Users); !slices.Equal(after, before) {
		t.Errorf("keys = %v, want the one in use first: %v", after, before)
	}
}

func TestRotate(t *testing.T) {
	data := t.TempDir()
	before := open(t, data, start, apps...)
	now := start.Add(time.Hour)
	after, err := Rotate(data, apps, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Users.Keys) != 2 || after.Users.Keys[0].ID != before.Users.Keys[1].ID {
		t.Fatalf("keys = %v, want the second of %v and a new one", ids(after.Users), ids(before.Users))
	}
	if key, err := after.inUse(now); err != nil || key.ID != before.Users.Keys[1].ID {
		t.Errorf("the next key does not sign, %v", err)
	}
	if next := after.Users.Keys[1].From; !next.Equal(now.Truncate(time.Second).Add(signingTime)) {
		t.Errorf("the new key signs from %s", next)
	}
	if again := open(t, data, now, apps...); !slices.Equal(ids(again.Users), ids(after.Users)) {
		t.Error("the next start has other keys")
	}
}

func TestRotateWithoutKeys(t *testing.T) {
	data := t.TempDir()
	if _, err := Rotate(data, apps, start); err == nil {
		t.Error("there was nothing to rotate, and no word of it")
	}
	if _, err := os.Stat(Folder(data)); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
}
