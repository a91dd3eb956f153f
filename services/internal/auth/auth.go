// Package auth finds out who calls and lets pass what the rules allow. Every service has a [Guard] in
// front of all of its methods: it verifies the caller's token itself, whoever verified it before.
package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"seaport.example/services/internal/failure"
)

// Role is a set of things a user may do.
type Role string

// The roles.
const (
	Customer Role = "customer"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// Rule says who may call a method. The zero Rule lets nobody in but what is not guarded at all.
type Rule struct {
	Anyone  bool     // without a token too
	Roles   []Role   // whatever it is about
	Own     []Role   // only about what is the caller's own: the method looks at [Owner]
	Apps    []string // services, by app-id
	Sidecar bool     // the runtime beside this app, itself: not a call that it passes on
	Probe   bool     // anybody who reaches the port: Dapr 1.18 asks some things without the app token
}

// Rules says who may call what, by full method name. A method that is not in it is refused.
type Rules map[string]Rule

// Caller is who calls.
type Caller struct {
	User  string // a user's id; empty for a service
	App   string // a service's app-id; empty for a user
	Roles []Role
	Token string // what it showed, to be passed on

	restricted bool      // to its own
	until      time.Time // when the token ends; zero for none
}

// Known says whether the caller showed who it is.
func (c Caller) Known() bool { return c.User != "" || c.App != "" }

// Has says whether the caller has a role.
func (c Caller) Has(role Role) bool { return slices.Contains(c.Roles, role) }

type callerKey struct{}

// From returns who calls; the zero Caller when that is not known.
func From(ctx context.Context) Caller {
	caller, _ := ctx.Value(callerKey{}).(Caller)
	return caller
}

// With returns a context in which the caller calls.
func With(ctx context.Context, caller Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, caller)
}

// Owner returns the user whose things alone this call may see and touch; "" for no such limit.
func Owner(ctx context.Context) string { return From(ctx).Owner() }

// Owner returns the user whose things alone the caller may see and touch; "" for no such limit.
func (c Caller) Owner() string {
	if c.restricted {
		return c.User
	}
	return ""
}

// admit returns the caller as the rule lets it in.
func (r Rule) admit(c Caller) (Caller, error) {
	switch {
	case c.App != "" && slices.Contains(r.Apps, c.App):
		return c, nil
	case slices.ContainsFunc(r.Roles, c.Has):
		return c, nil
	case slices.ContainsFunc(r.Own, c.Has):
		c.restricted = true
		return c, nil
	case r.Anyone:
		c.restricted = c.User != ""
		return c, nil
	case !c.Known():
		return Caller{}, failure.Unauthenticated("log in first: this needs an access token (authorization: Bearer …)")
	}
	return Caller{}, failure.Denied("this is for %s, and you are %s", r.who(), c.what())
}

// who words whom a rule lets in.
func (r Rule) who() string {
	var allowed []string
	for _, role := range slices.Concat(r.Roles, r.Own) {
		if name := string(role) + "s"; !slices.Contains(allowed, name) {
			allowed = append(allowed, name)
		}
	}
	if len(allowed) == 0 {
		return "services"
	}
	return strings.Join(allowed, " and ")
}

func (c Caller) what() string {
	if c.App != "" {
		return "the service " + c.App
	}
	if len(c.Roles) == 0 {
		return "a user without a role"
	}
	names := make([]string, len(c.Roles))
	for i, role := range c.Roles {
		names[i] = string(role)
	}
	return strings.Join(names, " and ")
}
