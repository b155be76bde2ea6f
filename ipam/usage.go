package ipam

import "math/big"

// A Usage says how much of a range of addresses is reserved at the moment.
type Usage struct {
	// Range is "first-last".
	Range string
	Used  int
	// Total is the number of addresses for attachments; a range of IPv6 has more than a machine word counts.
	Total *big.Int
}

// A Counter is a Driver that knows how much of its ranges is reserved.
type Counter interface {
	// Usage returns the ranges of a complete network configuration in their order. It waits for no lock, and fails for
	// a configuration that Add would refuse.
	Usage(config []byte) ([]Usage, error)
}
