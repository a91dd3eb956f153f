package secrets

import "time"

// How long keys of users' tokens live.
const (
	// signingTime is how long a key signs before the next one does.
	signingTime = 30 * 24 * time.Hour
	// overlap is how long a key is still accepted once the next one signs: the life of an access token (15 minutes,
	// the default of SEAPORT_TOKEN_TTL) and 5 minutes for services that read their keys late.
	overlap = 20 * time.Minute
)

// newSigning returns the first two keys: one to sign with from now on, and the next.
func newSigning(now time.Time) (keySet, error) {
	first, err := newKey(now)
	if err != nil {
		return keySet{}, err
	}
	return follow(keySet{Keys: []key{first}}, now.Add(signingTime))
}

// follow adds a key that signs from a time on, and sets the end of the one before.
func follow(set keySet, from time.Time) (keySet, error) {
	next, err := newKey(from)
	if err != nil {
		return keySet{}, err
	}
	keys := append([]key(nil), set.Keys...)
	if last := len(keys) - 1; last >= 0 {
		keys[last].Until = from.Add(overlap)
	}
	return keySet{Keys: append(keys, next)}, nil
}

// renew drops the keys that are retired and sees to it that there is one to follow. It changes nothing as long as no key
// is retired, so there are two keys at a time, and everybody knows the second long before it signs.
func renew(set keySet, now time.Time) (keySet, error) {
	keys := set.Keys
	for len(keys) > 1 && keys[0].retired(now) {
		keys = keys[1:]
	}
	if len(keys) > 1 {
		return keySet{Keys: keys}, nil
	}
	// After a long pause the next key could be due already; everybody has to read it first, and what the last one
	// signed is still around.
	from := keys[0].From.Add(signingTime)
	if soonest := now.Add(overlap); from.Before(soonest) {
		from = soonest
	}
	return follow(keySet{Keys: keys}, from)
}

// rotate drops the oldest key, lets the next one sign from now on, and adds the one after it.
func rotate(set keySet, now time.Time) (keySet, error) {
	keys := append([]key(nil), set.Keys...)
	if len(keys) > 1 {
		keys = keys[1:]
	}
	if keys[0].From.After(now) {
		keys[0].From = now
	}
	return follow(keySet{Keys: keys[:1]}, now.Add(signingTime))
}
