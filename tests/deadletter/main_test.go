// Package deadletter has events that cannot be handled.
package deadletter

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
