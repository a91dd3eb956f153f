// Package importing shows that a file of orders is booked line by line, each once, whatever breaks meanwhile,
// and what that costs.
package importing

import (
	"testing"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }
