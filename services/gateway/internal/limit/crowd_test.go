package limit_test

import (
	"testing"

	"seaport.example/services/gateway/internal/limit"
)

func TestCrowd(t *testing.T) {
	t.Parallel()
	c := limit.NewCrowd(2)
	for i, want := range []bool{true, true, false, false} {
		if got := c.Enter("a"); got != want {
			t.Errorf("entering %d is %t, want %t", i, got, want)
		}
	}
	if !c.Enter("b") {
		t.Error("one is in the way of another")
	}
	c.Leave("a")
	if !c.Enter("a") || c.Enter("a") {
		t.Error("of those that left one place is free")
	}
}
