// Package port hands out TCP ports on the loopback interface.
package port

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"seaport.example/cli/internal/flock"
)

// Ports are taken from [first, last). Above 32767 Linux gives ports to outgoing connections, so one that is
// free when it is chosen may be taken when a process comes to listen on it.
const (
	first     = 10_240
	last      = 32_768
	blockSize = 64
	blocks    = (last - first) / blockSize
)

// Book hands out ports that no other Book of this user on this machine hands out, until it is closed.
// It reserves them in blocks, each by a lock file.
type Book struct {
	folder string
	locks  []*flock.Lock
	next   int // in the newest block
	end    int
}

// Open makes a Book that keeps its lock files in folder, which all Books that are to respect each
// other must share.
func Open(folder string) (*Book, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("reserving ports: %w", err)
	}
	return &Book{folder: folder}, nil
}

// Next returns a port that nobody listens on.
func (b *Book) Next() (int, error) {
	for {
		for b.next < b.end {
			candidate := b.next
			b.next++
			if Free("127.0.0.1", candidate) {
				return candidate, nil
			}
		}
		if err := b.reserve(); err != nil {
			return 0, err
		}
	}
}

// Free reports whether a process could listen on address and port now.
func Free(address string, port int) bool {
	// Somebody listening on all interfaces does not keep us from listening on one of them, on some systems;
	// both are tried.
	for _, host := range []string{address, ""} {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}

// Close gives the ports back.
func (b *Book) Close() error {
	problems := make([]error, 0, len(b.locks))
	for _, lock := range b.locks {
		problems = append(problems, lock.Release())
	}
	b.locks, b.next, b.end = nil, 0, 0
	return errors.Join(problems...)
}

func (b *Book) reserve() error {
	// A random start keeps a run away from the ports of the one before, which may still be closing.
	start := rand.IntN(blocks) //nolint:gosec // keeps two runs apart, guards nothing
	for i := range blocks {
		block := (start + i) % blocks
		lock, err := flock.Try(filepath.Join(b.folder, strconv.Itoa(first+block*blockSize)))
		if errors.Is(err, flock.ErrLocked) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reserving ports: %w", err)
		}
		b.locks = append(b.locks, lock)
		b.next = first + block*blockSize
		b.end = b.next + blockSize
		return nil
	}
	return errors.New("no free ports left between 10240 and 32767: stop another run")
}
