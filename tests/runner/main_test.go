// Package runner shows how `seaport up` starts, refuses to start, and ends.
package runner

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
