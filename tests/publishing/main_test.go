// Package publishing has operators publish events by hand.
package publishing

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
