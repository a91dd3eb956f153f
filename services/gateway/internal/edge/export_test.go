package edge

// For tests of what cannot be seen from outside at once.
var (
	Account = account
	Network = network
	Hurry   = hurry
)
