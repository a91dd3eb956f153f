// Package streams looks into Redis: what the platform leaves there of its events.
package streams

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
