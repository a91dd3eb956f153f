package pages

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/seat"
)

// A page token and a mark are pairs of a chain and its next number, as varints, behind a checksum over
// them and what they are for. The checksum keeps no secret: it tells a token of another list, or one that
// was changed on its way, from one that this list gave.

const (
	sumLength = 8
	// longest is how many characters a token has at most: some pairs for each chain of two lists.
	longest = 2048
)

// pair is a chain and the number of its next entry.
type pair struct {
	chain int
	next  int64
}

// seal returns a text of pairs that [unseal] reads for the same purpose only.
func seal(purpose string, pairs []pair) string {
	var raw []byte
	for _, p := range pairs {
		raw = binary.AppendUvarint(raw, uint64(p.chain)) //nolint:gosec // never negative
		raw = binary.AppendUvarint(raw, uint64(p.next))  //nolint:gosec // never negative
	}
	return base64.RawURLEncoding.EncodeToString(append(checksum(purpose, raw), raw...))
}

// unseal returns the pairs of a text, of chains below a number; false if it was not sealed for this.
func unseal(purpose, text string, chains int) (pairs []pair, ok bool) {
	if len(text) > longest {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < sumLength || !slices.Equal(raw[:sumLength], checksum(purpose, raw[sumLength:])) {
		return nil, false
	}
	for rest := raw[sumLength:]; len(rest) > 0; {
		chain, n := binary.Uvarint(rest)
		next, m := binary.Uvarint(rest[max(n, 0):])
		if n <= 0 || m <= 0 || chain >= uint64(chains) || next > math.MaxInt64 { //nolint:gosec // a small number
			return nil, false
		}
		rest = rest[n+m:]
		pairs = append(pairs, pair{int(chain), int64(next)}) //nolint:gosec // bounded just above
	}
	return pairs, true
}

func checksum(purpose string, raw []byte) []byte {
	sum := sha256.Sum256(append([]byte(purpose+"\x00"), raw...))
	return sum[:sumLength]
}

func tokenOf(scope string) string { return "page-token/1\x00" + scope }

func makeToken(scope string, chains []*chain) string {
	var pairs []pair
	for _, c := range chains {
		if c.next >= 0 {
			pairs = append(pairs, pair{c.seat, c.next})
		}
	}
	return seal(tokenOf(scope), pairs)
}

// resume returns the chains as they were when the token was given: one that came later is left
// out, since all of it is newer.
func resume(chains []*chain, scope, token string) ([]*chain, error) {
	pairs, ok := unseal(tokenOf(scope), token, seat.Count)
	if !ok {
		return nil, failure.Invalid("page_token", "is not one that this list gave; leave it out to start at the newest")
	}
	var resumed []*chain
	for _, p := range pairs {
		i := slices.IndexFunc(chains, func(c *chain) bool { return c.seat == p.chain })
		if i < 0 || p.next > chains[i].next {
			return nil, failure.Invalid("page_token", "is beyond this list; leave it out to start at the newest")
		}
		chains[i].next = p.next
		resumed = append(resumed, chains[i])
	}
	return resumed, nil
}

// Mark returns positions, each in a list, as a text that [ParseMark] reads for the same lists only.
func Mark(lists []Scope, positions []Position) string {
	var pairs []pair
	for i, position := range positions {
		for n, next := range position {
			if next > 0 {
				pairs = append(pairs, pair{i*seat.Count + n, next})
			}
		}
	}
	return seal(markOf(lists), pairs)
}

// ParseMark returns the positions that a mark of these lists says; false if it is none.
func ParseMark(lists []Scope, mark string) (positions []Position, ok bool) {
	pairs, ok := unseal(markOf(lists), mark, len(lists)*seat.Count)
	if !ok {
		return nil, false
	}
	positions = make([]Position, len(lists))
	for _, p := range pairs {
		positions[p.chain/seat.Count][p.chain%seat.Count] = p.next
	}
	return positions, true
}

func markOf(lists []Scope) string {
	purpose := []string{"mark/1"}
	for _, s := range lists {
		purpose = append(purpose, s.list.name+"/"+s.name)
	}
	return strings.Join(purpose, "\x00")
}
