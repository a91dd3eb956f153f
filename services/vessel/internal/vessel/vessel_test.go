package vessel_test

import (
	"slices"
	"strings"
	"testing"

	"seaport.example/services/internal/failure"
	"seaport.example/services/vessel/internal/vessel"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*vessel.Vessel)
		fields []string // none: nothing is wrong
	}{
		{"nothing wrong", func(*vessel.Vessel) {}, nil},
		{"longest id", func(v *vessel.Vessel) { v.ID = strings.Repeat("a", 64) }, nil},
		{"id too long", func(v *vessel.Vessel) { v.ID = strings.Repeat("a", 65) }, []string{"id"}},
		{"no id", func(v *vessel.Vessel) { v.ID = "" }, []string{"id"}},
		{"id with slash", func(v *vessel.Vessel) { v.ID = "a/b" }, []string{"id"}},
		{"id with separator", func(v *vessel.Vessel) { v.ID = "a||b" }, []string{"id"}},
		{"id with new line", func(v *vessel.Vessel) { v.ID = "a\n" }, []string{"id"}},
		{"id with all there may be", func(v *vessel.Vessel) { v.ID = "Az09-_." }, nil},
		{"no name", func(v *vessel.Vessel) { v.Name = "" }, []string{"name"}},
		{"longest name", func(v *vessel.Vessel) { v.Name = strings.Repeat("ü", 200) }, nil},
		{"name too long", func(v *vessel.Vessel) { v.Name = strings.Repeat("ü", 201) }, []string{"name"}},
		{"capacity zero", func(v *vessel.Vessel) { v.Capacity = 0 }, []string{"capacity"}},
		{"capacity negative", func(v *vessel.Vessel) { v.Capacity = -1 }, []string{"capacity"}},
		{"weight zero", func(v *vessel.Vessel) { v.MaxWeight = 0 }, []string{"max_weight"}},
		{"weight negative", func(v *vessel.Vessel) { v.MaxWeight = -1 }, []string{"max_weight"}},
		{"owner too long", func(v *vessel.Vessel) { v.OwnerID = strings.Repeat("ü", 129) }, []string{"owner_id"}},
		{"request id too long", func(v *vessel.Vessel) { v.Request = strings.Repeat("ü", 129) }, []string{"request_id"}},
		{"all at once", func(v *vessel.Vessel) { *v = vessel.Vessel{} }, []string{"id", "name", "capacity", "max_weight"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := vessel.Vessel{ID: "vessel001", Name: "Kane's Salty Secret", Capacity: 500, MaxWeight: 200000}
			c.change(&v)
			err := v.Check()
			var fields []string
			if err != nil {
				for _, violation := range failure.From(err).Violations() {
					fields = append(fields, violation.Field)
				}
			}
			if !slices.Equal(fields, c.fields) || err != nil && code(err) != "InvalidArgument" {
				t.Errorf("Check = %v of %q, want %q", err, fields, c.fields)
			}
		})
	}
}
