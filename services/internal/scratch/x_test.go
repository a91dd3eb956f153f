package scratch

import (
	"context"
	"fmt"
	"os"
	"seaport.example/services/internal/sidecar"
	"strings"
	"testing"
	"time"
)

func bench(b *testing.B) *sidecar.State {
	s, err := sidecar.Open("127.0.0.1:"+os.Getenv("SC"), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s.State("statestore")
}

var n = time.Now().UnixNano()

func BenchmarkGet(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		s.Get(context.Background(), "x")
	}
}
func BenchmarkGetMany2(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		s.GetMany(context.Background(), []string{"x", "y"})
	}
}
func BenchmarkPutNew(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		n++
		if err := s.Put(context.Background(), sidecar.Write{Key: fmt.Sprint("p", n), Data: []byte(`{"a":1}`)}); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkPutTTL(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		n++
		if err := s.Put(context.Background(), sidecar.Write{Key: fmt.Sprint("p", n), Data: []byte(`{"a":1}`), TTL: 20 * time.Second}); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkTx1(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		n++
		if err := s.Transact(context.Background(), []sidecar.Item{{Key: fmt.Sprint("p", n), Data: []byte(`{"a":1}`)}}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkTx2(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		n++
		if err := s.Transact(context.Background(), []sidecar.Item{{Key: fmt.Sprint("p", n), Data: []byte(`{"a":1}`)}, {Key: fmt.Sprint("q", n), Data: []byte(strings.Repeat("x", 900))}}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkTx100(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		var it []sidecar.Item
		for range 100 {
			n++
			it = append(it, sidecar.Item{Key: fmt.Sprint("p", n), Data: []byte(strings.Repeat("x", 600))})
		}
		if err := s.Transact(context.Background(), it, nil); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkPut100(b *testing.B) {
	s := bench(b)
	for b.Loop() {
		var it []sidecar.Write
		for range 100 {
			n++
			it = append(it, sidecar.Write{Key: fmt.Sprint("p", n), Data: []byte(strings.Repeat("x", 60)), TTL: 20 * time.Second})
		}
		if err := s.Put(context.Background(), it...); err != nil {
			b.Fatal(err)
		}
	}
}
func BenchmarkGetMany100(b *testing.B) {
	s := bench(b)
	var k []string
	for i := range 100 {
		k = append(k, fmt.Sprint("zz", i))
	}
	for b.Loop() {
		s.GetMany(context.Background(), k)
	}
}
