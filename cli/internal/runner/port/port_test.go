package port

import (
	"net"
	"strconv"
	"testing"
)

func TestBooksDoNotOverlap(t *testing.T) {
	folder := t.TempDir()
	seen := map[int]bool{}
	for range 3 {
		book, err := Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = book.Close() }()
		for range blockSize + 1 { // more than one block holds
			port, err := book.Next()
			if err != nil {
				t.Fatal(err)
			}
			if port < first || port >= last {
				t.Fatalf("port %d is not in [%d, %d)", port, first, last)
			}
			if seen[port] {
				t.Fatalf("port %d is given twice", port)
			}
			seen[port] = true
		}
	}
}

func TestNextLeavesTakenPortsOut(t *testing.T) {
	book, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	one, err := book.Next()
	if err != nil {
		t.Fatal(err)
	}
	// The next port of the block is taken by somebody who knows nothing of books.
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(one+1))
	if err != nil {
		t.Skip("somebody has it already:", err)
	}
	defer func() { _ = listener.Close() }()
	if Free("127.0.0.1", one+1) {
		t.Error("a port that is listened on counts as free")
	}
	if two, err := book.Next(); err != nil || two == one+1 {
		t.Errorf("Next = %d, %v: a taken port", two, err)
	}
}

func TestCloseGivesBack(t *testing.T) {
	folder := t.TempDir()
	for range blocks + 1 { // fails unless blocks come back
		book, err := Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := book.Next(); err != nil {
			t.Fatal(err)
		}
		if err := book.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
