package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/seat"
)

// A token is pairs of a chain and its next number, as varints, behind a checksum over them and the
// scope. The checksum keeps no secret: it tells a token of another list, or one that was changed on
// its way, from one that this list gave.

const sumLength = 8

func makeToken(scope string, chains []*chain) string {
	var pairs []byte
	for _, c := range chains {
		if c.next >= 0 {
			pairs = binary.AppendUvarint(pairs, uint64(c.seat)) //nolint:gosec // never negative
			pairs = binary.AppendUvarint(pairs, uint64(c.next))
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(checksum(scope, pairs), pairs...))
}

// resume returns the chains as they were when the token was given: one that came later is left
// out, since all of it is newer.
func resume(chains []*chain, scope, token string) ([]*chain, error) {
	wrong := failure.Invalid("page_token", "is not one that this list gave; leave it out to start at the newest")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < sumLength || !slices.Equal(raw[:sumLength], checksum(scope, raw[sumLength:])) {
		return nil, wrong
	}
	var resumed []*chain
	for pairs := raw[sumLength:]; len(pairs) > 0; {
		number, n := binary.Uvarint(pairs)
		next, m := binary.Uvarint(pairs[max(n, 0):])
		if n <= 0 || m <= 0 || number >= seat.Count {
			return nil, wrong
		}
		pairs = pairs[n+m:]
		i := slices.IndexFunc(chains, func(c *chain) bool { return c.seat == int(number) }) //nolint:gosec // below seat.Count
		if i < 0 || next > uint64(chains[i].next) {                                         //nolint:gosec // a chain that was read is not empty
			return nil, failure.Invalid("page_token", "is beyond this list; leave it out to start at the newest")
		}
		chains[i].next = int64(next) //nolint:gosec // at most what it was
		resumed = append(resumed, chains[i])
	}
	return resumed, nil
}

func checksum(scope string, pairs []byte) []byte {
	sum := sha256.Sum256(append([]byte("page-token/1\x00"+scope+"\x00"), pairs...))
	return sum[:sumLength]
}
