// Package scale shows that many callers at once get exactly what there is, and that a long list
// costs no more than a short one.
package scale

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
