package consignment_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seaport.example/services/consignment/internal/consignment"
)

func TestOrderCheck(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ü", n) } // characters, not bytes
	containers := func(n int) []consignment.Container {
		return slices.Repeat([]consignment.Container{{Origin: "Derby, United Kingdom"}}, n)
	}
	for _, c := range []struct {
		name   string
		change func(*consignment.Order)
		fields []string // none: nothing is wrong
	}{
		{"nothing wrong", func(*consignment.Order) {}, nil},
		{"least there can be", func(o *consignment.Order) {
			*o = consignment.Order{Customer: "c", Weight: 1, Containers: containers(1)}
		}, nil},
		{"weight zero", func(o *consignment.Order) { o.Weight = 0 }, []string{"weight"}},
		{"weight negative", func(o *consignment.Order) { o.Weight = -1 }, []string{"weight"}},
		{"longest description", func(o *consignment.Order) { o.Description = long(1000) }, nil},
		{"description too long", func(o *consignment.Order) { o.Description = long(1001) }, []string{"description"}},
		{"no containers", func(o *consignment.Order) { o.Containers = nil }, []string{"containers"}},
		{"most containers", func(o *consignment.Order) { o.Containers = containers(1000) }, nil},
		{"one container too many", func(o *consignment.Order) { o.Containers = containers(1001) }, []string{"containers"}},
		{"10,000 containers", func(o *consignment.Order) { o.Containers = containers(10_000) }, []string{"containers"}},
		{"empty origin", func(o *consignment.Order) { o.Containers[1].Origin = "" }, []string{"containers[1].origin"}},
		{"blank origin", func(o *consignment.Order) { o.Containers[2].Origin = " \t" }, []string{"containers[2].origin"}},
		{"longest origin", func(o *consignment.Order) { o.Containers[0].Origin = long(200) }, nil},
		{"origin too long", func(o *consignment.Order) { o.Containers[0].Origin = long(201) }, []string{"containers[0].origin"}},
		{"origin with separator", func(o *consignment.Order) { o.Containers[0].Origin = "a||b" }, []string{"containers[0].origin"}},
		{"origin with control character", func(o *consignment.Order) { o.Containers[0].Origin = "a\nb" }, []string{"containers[0].origin"}},
		{"container id with separator", func(o *consignment.Order) { o.Containers[0].ID = "a||b" }, []string{"containers[0].id"}},
		{"container id too long", func(o *consignment.Order) { o.Containers[0].ID = long(129) }, []string{"containers[0].id"}},
		{"container id twice", func(o *consignment.Order) {
			o.Containers[0].ID, o.Containers[2].ID = "box", "box"
		}, []string{"containers[2].id"}},
		{"container's customer", func(o *consignment.Order) { o.Containers[1].Customer = "a||b" }, []string{"containers[1].customer_id"}},
		{"container's user", func(o *consignment.Order) { o.Containers[1].User = "a\x00b" }, []string{"containers[1].user_id"}},
		{"customer with separator", func(o *consignment.Order) { o.Customer = "a||b" }, []string{"customer_id"}},
		{"longest customer", func(o *consignment.Order) { o.Customer = long(128) }, nil},
		{"customer too long", func(o *consignment.Order) { o.Customer = long(129) }, []string{"customer_id"}},
		{"wished vessel with separator", func(o *consignment.Order) { o.Wished = "a||b" }, []string{"vessel_id"}},
		{"wished vessel too long", func(o *consignment.Order) { o.Wished = long(129) }, []string{"vessel_id"}},
		{"longest request id", func(o *consignment.Order) { o.RequestID = long(128) }, nil},
		{"request id too long", func(o *consignment.Order) { o.RequestID = long(129) }, []string{"request_id"}},
		{"request id with separator", func(o *consignment.Order) { o.RequestID = "a||b" }, nil}, // it is hashed
		{"several at once", func(o *consignment.Order) {
			o.Weight, o.Description, o.Containers[0].Origin, o.Wished, o.Customer = 0, long(1001), "", "||", "\x07"
		}, []string{"description", "weight", "containers[0].origin", "vessel_id", "customer_id"}},
		{"ten of many", func(o *consignment.Order) { o.Containers = make([]consignment.Container, 12) },
			func() (ten []string) {
				for i := range 10 {
					ten = append(ten, fmt.Sprintf("containers[%d].origin", i))
				}
				return ten
			}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := order(c.change)
			err := o.Check()
			want := "OK"
			if c.fields != nil {
				want = "InvalidArgument"
			}
			if code(err) != want || !slices.Equal(fields(err), c.fields) {
				t.Errorf("Check = %v: %s of %q, want %s of %q", err, code(err), fields(err), want, c.fields)
			}
		})
	}
}

// A wrong order never reaches a port.
func TestWrongOrderChangesNothing(t *testing.T) {
	t.Parallel()
	p := newPort()
	got := create(t, p.bookings(t), order(withRequest("r"), func(o *consignment.Order) { o.Weight = 0 }))
	if code(got.Err) != "InvalidArgument" {
		t.Errorf("Create = %v, want InvalidArgument", got.Err)
	}
	if len(p.vessels.held)+len(p.depots.held)+len(p.store.rows)+len(p.store.claimed) != 0 {
		t.Error("a wrong order was held or stored")
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		customer         string
		firstUser, first string
		second           string
		want             string
	}{
		{"named", "cust009", "user001", "cust001", "cust002", "cust009"},
		{"user of the first container", "", "user001", "cust001", "cust002", "user001"},
		{"customer of the first container", "", "", "cust001", "cust002", "cust001"},
		{"nobody, whatever the second container says", "", "", "", "cust002", "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPort()
			got := create(t, p.bookings(t), consignment.Order{
				Customer: c.customer, Weight: 1,
				Containers: []consignment.Container{{Origin: "Derby", User: c.firstUser, Customer: c.first}, {Origin: "Derby", Customer: c.second}},
			})
			if got.Err != nil || got.Consignment.Customer != c.want {
				t.Errorf("owner is %q, %v; want %q", got.Consignment.Customer, got.Err, c.want)
			}
		})
	}
}

func TestPickups(t *testing.T) {
	t.Parallel()
	c := consignment.Consignment{Containers: order().Containers}
	want := []consignment.Pickup{{"Manchester, United Kingdom", 2}, {"Derby, United Kingdom", 1}}
	if got := c.Pickups(); !slices.Equal(got, want) {
		t.Errorf("Pickups = %v, want %v", got, want)
	}
}

func TestContainersGetIDs(t *testing.T) {
	t.Parallel()
	p := newPort()
	o := order(func(o *consignment.Order) { o.Containers[1].ID = "mine" })
	got := create(t, p.bookings(t), o)
	var ids []string
	for i, c := range got.Consignment.Containers {
		ids = append(ids, c.ID)
		if c.Origin != o.Containers[i].Origin || c.Customer != o.Containers[i].Customer || c.User != o.Containers[i].User {
			t.Errorf("container %d is %+v, ordered %+v", i, c, o.Containers[i])
		}
	}
	if want := []string{"new-1-1", "mine", "new-1-3"}; !slices.Equal(ids, want) {
		t.Errorf("containers have ids %q, want %q", ids, want)
	}
	if o.Containers[0].ID != "" {
		t.Error("the order itself was changed")
	}
}

// A request id stands for the same id in every process, and for another one than any other
// customer's or request's.
func TestDerivedID(t *testing.T) {
	t.Parallel()
	uuid8 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := make(map[string]string)
	for _, c := range []struct{ customer, request string }{
		{"cust001", "r1"}, {"cust001", "r2"}, {"cust002", "r1"}, {"cust001r", "1"}, {"cust00", "1r1"}, {"r1", "cust001"},
	} {
		name := c.customer + " " + c.request
		o := order(func(o *consignment.Order) { o.Customer, o.RequestID = c.customer, c.request })
		first, second := create(t, newPort().bookings(t), o), create(t, newPort().bookings(t), o)
		id := first.Consignment.ID
		if first.Err != nil || second.Err != nil || id != second.Consignment.ID {
			t.Errorf("%s: two processes gave %q, %v and %q, %v", name, id, first.Err, second.Consignment.ID, second.Err)
		}
		if !uuid8.MatchString(id) {
			t.Errorf("%s: %q is no UUID of version 8", name, id)
		}
		if other, again := seen[id]; again {
			t.Errorf("%s and %s are both %s", name, other, id)
		}
		seen[id] = name
	}
}
