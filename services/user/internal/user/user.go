// Package user registers people, logs them in and says what they may do. It is the rules and the order
// of things; storage, spelling, hashing and signing are behind ports.
package user

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"seaport.example/services/internal/failure"
)

// Role is a set of things a user may do. No role contains another.
type Role string

// The roles.
const (
	Customer Role = "customer"
	Operator Role = "operator"
	Admin    Role = "admin"
)

// ranks is the order in which roles are listed.
var ranks = []Role{Customer, Operator, Admin}

// User is somebody who may log in. What proves it is apart: see [Credential].
type User struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Company    string    `json:"company,omitempty"`
	Email      string    `json:"email"` // as [Spelling] has it
	Roles      []Role    `json:"roles"` // sorted
	CreateTime time.Time `json:"create_time"`
	UpdateTime time.Time `json:"update_time"`
	// Epoch is how often all log-ins of the user were ended. What was given out in an earlier epoch is
	// void. A number is exact where times are not: tokens count in seconds, and replicas' clocks differ.
	Epoch int `json:"epoch,omitempty"`
}

// Exists says whether this is a user at all: the zero User is not.
func (u *User) Exists() bool { return u.ID != "" }

// setRoles gives the user these roles, and no others.
func (u *User) setRoles(roles []Role, at time.Time) {
	if !slices.Equal(u.Roles, roles) {
		u.Roles, u.UpdateTime = roles, at
	}
}

// tokenID returns the id of an access token: it tells the epoch, and is unique by its other part.
func (u *User) tokenID(unique string) string { return strconv.Itoa(u.Epoch) + "." + unique }

// gave says whether the access token with this id is of the user's present epoch.
func (u *User) gave(tokenID string) bool {
	epoch, _, ok := strings.Cut(tokenID, ".")
	return ok && epoch == strconv.Itoa(u.Epoch)
}

// sorted returns roles in their order. Errors: INVALID_ARGUMENT for one that is unknown or there twice.
func sorted(roles []Role) ([]Role, error) {
	var found []Role
	for _, role := range ranks {
		switch n := count(roles, role); {
		case n > 1:
			return nil, failure.Invalid("roles", "has %s %d times", role, n)
		case n == 1:
			found = append(found, role)
		}
	}
	if len(found) < len(roles) {
		return nil, failure.Invalid("roles", "has a role that there is not: each must be customer, operator or admin")
	}
	return found, nil
}

func count(roles []Role, role Role) (n int) {
	for _, r := range roles {
		if r == role {
			n++
		}
	}
	return n
}

// Credential is how a user proves to be that user. It shows itself in no log.
type Credential struct {
	Hash string `json:"hash"` // of the password
	// Request tells the repeat of a registration from another one; empty when it had no request id.
	Request string `json:"request,omitempty"`
}

const hidden = "(hidden)"

// String hides the credential.
func (Credential) String() string { return hidden }

// LogValue hides the credential.
func (Credential) LogValue() slog.Value { return slog.StringValue(hidden) }
