package edge

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
	"google.golang.org/grpc/metadata"
)

// network returns what a caller's address counts as: of IPv6 its first 64 bits, since whoever has one
// address there has 2^64.
func network(ctx context.Context) string {
	shown := metadata.ValueFromIncomingContext(ctx, addressHeader)
	if len(shown) == 0 {
		return ""
	}
	address, err := netip.ParseAddr(shown[0])
	if err != nil {
		return shown[0]
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}

// domains is the profile by which the user service spells domains.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule())

// account returns what the address of an account counts as: the same, however the user service's
// address of that account is spelt. It is a hash, so that nobody's address lies about here.
func account(email string) string {
	email = strings.TrimSpace(email)
	if len(email) > 1<<10 { // four times what an address may have
		email = "" // no two of these are worth telling apart
	}
	email = strings.ToLower(norm.NFKC.String(email))
	if local, domain, ok := strings.Cut(email, "@"); ok {
		// A domain that cannot be one is no account's; any spelling of it will do.
		if name, err := domains.ToASCII(domain); err == nil {
			email = local + "@" + name
		}
	}
	sum := sha256.Sum256([]byte(email))
	return string(sum[:])
}
