// Package crash shows that killing any process in the middle of the work loses nothing that was
// answered with success.
package crash

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
