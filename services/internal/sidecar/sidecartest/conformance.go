package sidecartest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"seaport.example/services/internal/sidecar"
)

// TestState tests what Seaport relies on in a state store, under keys of its own, which it leaves
// there.
func TestState(t *testing.T, state *sidecar.State) {
	for name, test := range map[string]func(t *testing.T, s subject){
		"a key that is missing":                  testMissing,
		"content comes back as it was":           testContent,
		"keys are kept apart":                    testKeys,
		"many keys in one call":                  testMany,
		"a key is created once":                  testCreate,
		"a key is written as it was read":        testCompareAndSet,
		"one of several writes is refused":       testSeveralWrites,
		"time to live":                           testTTL,
		"a transaction writes and deletes":       testTransaction,
		"a transaction over what was put":        testTransactionOver,
		"a transaction and time to live":         testTransactionTTL,
		"a transaction is all or nothing to see": testTransactionTogether,
		"a transaction changes the ETag":         testTransactionETag,
		"no writer's change is lost":             testRivals,
		"keys that are not allowed":              testBadKeys,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, subject{State: state, T: t, prefix: "conformance/" + uuid.NewString() + "/"})
		})
	}
}

// subject is a state store whose keys are fresh.
type subject struct {
	*sidecar.State
	*testing.T
	prefix string
}

func (s subject) key(name string) string { return s.prefix + name }

func (s subject) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s subject) get(key string) sidecar.Value {
	s.Helper()
	value, err := s.State.Get(s.Context(), key)
	s.must(err)
	return value
}

func (s subject) put(key, data, etag string) error {
	return s.Put(s.Context(), sidecar.Write{Key: key, Data: []byte(data), ETag: etag})
}

func (s subject) wantConflict(err error) {
	s.Helper()
	if !errors.Is(err, sidecar.ErrConflict) {
		s.Errorf("got error %v, want ErrConflict", err)
	}
}

func (s subject) want(key, data string) {
	s.Helper()
	if got := s.get(key); string(got.Data) != data {
		s.Errorf("%s holds %q, want %q", strings.TrimPrefix(key, s.prefix), got.Data, data)
	}
}

func testMissing(t *testing.T, s subject) {
	if value := s.get(s.key("none")); !value.Missing() {
		t.Errorf("a key that was never written holds %+v", value)
	}
	values, err := s.GetMany(t.Context(), []string{s.key("none"), s.key("nothing")})
	s.must(err)
	for _, name := range []string{"none", "nothing"} {
		if value, answered := values[s.key(name)]; !answered || !value.Missing() {
			t.Errorf("%s: answered %v, holds %+v", name, answered, value)
		}
	}
	values, err = s.GetMany(t.Context(), nil)
	if err != nil || len(values) != 0 {
		t.Errorf("no keys: %v, %v", values, err)
	}
	s.must(s.Put(t.Context()))
	s.must(s.Transact(t.Context(), nil, nil))
}

// Documents are compared with what is stored byte by byte.
func testContent(t *testing.T, s subject) {
	for name, data := range map[string]string{
		"spaces":  "{ \"b\": 1,\n\t\"a\": 1.50 }",
		"unicode": `{"name":"Kane's Salty Secret – Zürich 港 <&>"}`,
		"escapes": `"\u00fc\/\u003c"`,
		"empty":   `{}`,
		"number":  `12345678901234567890`,
		"large":   `"` + strings.Repeat("0123456789abcdef", 64<<10) + `"`, // 1 MiB
	} {
		s.must(s.put(s.key("put/"+name), data, ""))
		s.must(s.Transact(t.Context(), []sidecar.Item{{Key: s.key("transact/" + name), Data: []byte(data)}}, nil))
		for _, key := range []string{s.key("put/" + name), s.key("transact/" + name)} {
			one := s.get(key)
			many, err := s.GetMany(t.Context(), []string{key})
			s.must(err)
			if string(one.Data) != data || !bytes.Equal(many[key].Data, one.Data) {
				t.Errorf("%s: content did not come back as it was (%d bytes of %d, in bulk %d)", key, len(one.Data), len(data), len(many[key].Data))
			}
			if one.ETag == "" || many[key].ETag != one.ETag {
				t.Errorf("%s: ETag %q, in bulk %q", key, one.ETag, many[key].ETag)
			}
		}
	}
}

func testKeys(t *testing.T, s subject) {
	names := []string{"a", "A", "a/", "a/b", "a:b", "a%2Fb", "a b", "a*", "a_b", "ä", "a|b", "a.b", "a'b", `a"b`, "a\\b"}
	var items []sidecar.Item
	for _, name := range names {
		items = append(items, sidecar.Item{Key: s.key(name), Data: []byte(strconv.Quote(name))})
	}
	s.must(s.Transact(t.Context(), items, nil))
	for _, name := range names {
		s.want(s.key(name), strconv.Quote(name))
	}
}

func testMany(t *testing.T, s subject) {
	const n = 600 // more than an outbox has slots
	var items []sidecar.Item
	var keys []string
	for i := range n {
		keys = append(keys, s.key(strconv.Itoa(i)))
		if i%2 == 0 {
			items = append(items, sidecar.Item{Key: keys[i], Data: []byte(strconv.Itoa(i))})
		}
	}
	s.must(s.Transact(t.Context(), items, nil))
	values, err := s.GetMany(t.Context(), keys)
	s.must(err)
	if len(values) != n {
		t.Errorf("asked for %d keys, got %d", n, len(values))
	}
	for i, key := range keys {
		if got, want := string(values[key].Data), strconv.Itoa(i); i%2 == 0 && got != want || i%2 == 1 && !values[key].Missing() {
			t.Errorf("key %d holds %q", i, got)
		}
	}
}

func testCreate(_ *testing.T, s subject) {
	key := s.key("k")
	s.must(s.put(key, `"first"`, ""))
	s.wantConflict(s.put(key, `"second"`, ""))
	s.want(key, `"first"`)
}

func testCompareAndSet(t *testing.T, s subject) {
	key := s.key("k")
	s.must(s.put(key, `1`, ""))
	read := s.get(key)
	s.must(s.put(key, `2`, read.ETag))
	if after := s.get(key); after.ETag == read.ETag {
		t.Errorf("the ETag is %q before and after a write", read.ETag)
	}
	s.wantConflict(s.put(key, `3`, read.ETag))
	s.want(key, `2`)

	read = s.get(key)
	s.must(s.put(key, `2`, read.ETag)) // the same content is a write as well
	s.wantConflict(s.put(key, `4`, read.ETag))

	read = s.get(key)
	s.must(s.Transact(t.Context(), nil, []string{key}))
	s.must(s.put(key, `5`, "")) // with the old ETag it is written on Redis, and refused elsewhere
	s.wantConflict(s.put(key, `6`, ""))
	s.want(key, `5`)
}

// Whether the other writes were carried out is open.
func testSeveralWrites(t *testing.T, s subject) {
	s.must(s.put(s.key("there"), `1`, ""))
	s.wantConflict(s.Put(t.Context(),
		sidecar.Write{Key: s.key("new"), Data: []byte(`2`)}, sidecar.Write{Key: s.key("there"), Data: []byte(`2`)}))
	s.want(s.key("there"), `1`)
	s.must(s.Put(t.Context(), sidecar.Write{Key: s.key("x"), Data: []byte(`1`)}, sidecar.Write{Key: s.key("y"), Data: []byte(`2`)}))
	s.want(s.key("x"), `1`)
	s.want(s.key("y"), `2`)
}

func testTTL(t *testing.T, s subject) {
	key := s.key("k")
	s.must(s.Put(t.Context(), sidecar.Write{Key: key, Data: []byte(`1`), TTL: time.Second}))
	s.must(s.Put(t.Context(), sidecar.Write{Key: s.key("long"), Data: []byte(`1`), TTL: time.Hour}))
	s.want(key, `1`)
	s.wantConflict(s.put(key, `2`, ""))
	Await(t, "the key is gone", func() bool { return s.get(key).Missing() })
	values, err := s.GetMany(t.Context(), []string{key, s.key("long")})
	s.must(err)
	if !values[key].Missing() || values[s.key("long")].Missing() {
		t.Errorf("after the time to live of one: %v", values)
	}
	s.must(s.put(key, `3`, ""))
	s.want(key, `3`)
}

// What a transaction writes lasts as long as it says, whatever the key held; without a time for ever.
func testTransactionTTL(t *testing.T, s subject) {
	s.must(s.Put(t.Context(), sidecar.Write{Key: s.key("kept"), Data: []byte(`1`), TTL: time.Second}))
	s.must(s.put(s.key("gone"), `1`, ""))
	s.must(s.Transact(t.Context(), []sidecar.Item{
		{Key: s.key("gone"), Data: []byte(`2`), ETag: s.get(s.key("gone")).ETag, TTL: time.Second},
		{Key: s.key("kept"), Data: []byte(`2`), ETag: s.get(s.key("kept")).ETag},
		{Key: s.key("long"), Data: []byte(`2`), TTL: time.Hour},
	}, nil))
	s.want(s.key("gone"), `2`)
	Await(t, "the key is gone", func() bool { return s.get(s.key("gone")).Missing() })
	time.Sleep(1100 * time.Millisecond) // longer than the key that is kept had before
	s.want(s.key("kept"), `2`)
	s.want(s.key("long"), `2`)
}

func testTransaction(t *testing.T, s subject) {
	s.must(s.put(s.key("old"), `1`, ""))
	s.must(s.put(s.key("gone"), `1`, ""))
	s.must(s.Transact(t.Context(),
		[]sidecar.Item{{Key: s.key("old"), Data: []byte(`2`), ETag: s.get(s.key("old")).ETag}, {Key: s.key("new"), Data: []byte(`2`)}},
		[]string{s.key("gone"), s.key("never there")}))
	s.want(s.key("old"), `2`)
	s.want(s.key("new"), `2`)
	if value := s.get(s.key("gone")); !value.Missing() {
		t.Errorf("a deleted key holds %q", value.Data)
	}
}

// Which keys a transaction overwrites is said by their ETags, however they were written before.
func testTransactionOver(_ *testing.T, s subject) {
	etag := func(name string) string { return s.get(s.key(name)).ETag }
	transact := func(name, data, etag string) error {
		return s.Transact(s.Context(), []sidecar.Item{{Key: s.key(name), Data: []byte(data), ETag: etag}}, nil)
	}
	s.must(s.put(s.key("put"), `1`, ""))
	before := etag("put")
	s.must(transact("put", `2`, before))
	s.must(transact("put", `3`, etag("put")))
	s.must(s.put(s.key("put"), `4`, etag("put")))
	s.must(transact("put", `5`, etag("put")))
	s.want(s.key("put"), `5`)
	if transact("put", `6`, before) == nil {
		s.Error("an ETag of before was taken")
	}
	s.want(s.key("put"), `5`)

	s.must(transact("transact", `1`, ""))
	s.must(transact("transact", `2`, ""))
	s.must(s.put(s.key("transact"), `3`, etag("transact")))
	s.must(transact("transact", `4`, etag("transact")))
	s.want(s.key("transact"), `4`)
	s.must(s.Transact(s.Context(), nil, []string{s.key("transact")})) // a delete needs none
	s.must(transact("transact", `5`, ""))
	s.want(s.key("transact"), `5`)
}

// Who sees the last key of a transaction sees the others.
func testTransactionTogether(t *testing.T, s subject) {
	const n, rounds = 50, 10
	var wg sync.WaitGroup
	wg.Go(func() {
		for round := range rounds {
			var items []sidecar.Item
			for i := range n {
				items = append(items, sidecar.Item{Key: s.key(fmt.Sprintf("%d/%d", round, i)), Data: []byte(`1`)})
			}
			if err := s.Transact(t.Context(), items, nil); err != nil {
				t.Error(err)
			}
		}
	})
	for round := range rounds {
		Await(t, "a transaction is there", func() bool { return !s.get(s.key(fmt.Sprintf("%d/%d", round, n-1))).Missing() })
		for _, i := range []int{0, n / 2} {
			s.want(s.key(fmt.Sprintf("%d/%d", round, i)), `1`)
		}
	}
	wg.Wait()
}

func testTransactionETag(t *testing.T, s subject) {
	key := s.key("k")
	s.must(s.Transact(t.Context(), []sidecar.Item{{Key: key, Data: []byte(`1`)}}, nil))
	read := s.get(key)
	s.must(s.Transact(t.Context(), []sidecar.Item{{Key: key, Data: []byte(`2`)}}, nil))
	s.wantConflict(s.put(key, `3`, read.ETag))
	s.must(s.put(key, `3`, s.get(key).ETag))
}

func testRivals(t *testing.T, s subject) {
	const writers, each = 8, 10
	key := s.key("counter")
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each && t.Context().Err() == nil; {
				read, err := s.State.Get(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := strconv.Atoi(string(read.Data))
				switch err := s.put(key, strconv.Itoa(n+1), read.ETag); {
				case err == nil:
					done++
				case !errors.Is(err, sidecar.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	s.want(key, strconv.Itoa(writers*each))
}

func testBadKeys(t *testing.T, s subject) {
	ctx, bad := t.Context(), s.key("a||b")
	if _, err := s.State.Get(ctx, bad); err == nil {
		t.Error("a key with || was read")
	}
	if err := s.put(bad, `1`, ""); err == nil || errors.Is(err, sidecar.ErrConflict) {
		t.Errorf("a key with || was written: %v", err)
	}
	if err := s.Transact(ctx, []sidecar.Item{{Key: s.key("good"), Data: []byte(`1`)}, {Key: bad, Data: []byte(`1`)}}, nil); err == nil {
		t.Error("a key with || was written in a transaction")
	}
	if value := s.get(s.key("good")); !value.Missing() {
		t.Error("half of a refused transaction was carried out")
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Put(ended, sidecar.Write{Key: s.key("late"), Data: []byte(`1`)}); err == nil {
		t.Error("a write whose context had ended succeeded")
	}
}
