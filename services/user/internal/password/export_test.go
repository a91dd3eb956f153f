package password

// Occupy takes so many turns and returns how to leave one, and the rest.
func Occupy(h *Hasher, turns int) (leave, rest func()) {
	for range turns {
		h.working <- struct{}{}
	}
	leave = func() { <-h.working }
	return leave, func() {
		for range turns - 1 {
			leave()
		}
	}
}
