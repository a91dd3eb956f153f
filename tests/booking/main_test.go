// Package booking shows what a booking is to the customer who makes it.
package booking

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
