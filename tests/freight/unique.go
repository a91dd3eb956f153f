package freight

import (
	"crypto/rand"
	"strings"
)

// unique returns a name that nothing else has.
func unique(kind string) string { return kind + "-" + strings.ToLower(rand.Text()[:12]) }

// RequestID returns a new request id.
func RequestID() string { return unique("request") }

// Customer returns a customer without consignments.
func Customer() string { return unique("customer") }
