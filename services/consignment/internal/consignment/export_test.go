package consignment

// WrittenID returns the id of an order's booking without regard to spelling.
func WrittenID(o Order) string { return o.derivedID() }

// WrittenFingerprint returns an order's fingerprint without regard to spelling.
func WrittenFingerprint(o Order) string { return o.fingerprint() }
