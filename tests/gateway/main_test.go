// Package gateway shows what the public port answers: to bad input, to those who list, and to
// those who ask what it offers.
package gateway

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
