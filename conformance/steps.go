package conformance

// A step is a row of the table: what a plugin must do, and where the CNI specification says so.
type step struct {
	number       int
	name, clause string
	// since is the version from which the step applies.
	since string
	// interfaces says that the step is for plugins that make an interface, not for IPAM plugins.
	interfaces bool
	run        func(*trial) error
}

// steps are all of them, in their order. Clauses are those of CNI spec 1.1.
func steps() []step {
	const first, checks, latest = "0.3.1", "0.4.0", "1.1.0"
	return []step{
		{1, "VERSION lists every version", "2, VERSION", first, false, versions},
		{2, "STATUS tells whether ADD can be served", "2, STATUS; 4", latest, false, status},
		{3, "ADD answers what the kernel has", "2, ADD; 5, Add Success", first, false, addIsTrue},
		{4, "CHECK succeeds right after ADD", "2, CHECK", checks, false, checkAfterAdd},
		{5, "A second ADD fails and harms nothing", "2, ADD", first, false, secondAdd},
		{6, "CHECK finds what is broken", "2, CHECK", checks, false, damaged},
		{7, "Packets pass", "1, Overview", first, true, packets},
		{8, "DEL leaves nothing", "2, DEL", first, false, delLeavesNothing},
		{9, "DEL succeeds again", "2, DEL", first, false, delAgain},
		{10, "DEL succeeds without what it could miss", "2, DEL", first, false, delWithout},
		{11, "ADD whose IPAM fails leaves nothing", "4; 5, Error", first, true, ipamFails},
		{12, "DEL cleans up after an ADD that was killed", "2, DEL", first, false, killed},
		{13, "GC removes what is not listed", "2, GC", latest, false, collect},
		{14, "Containers come and go in parallel", "3, Lifecycle & Ordering", first, false, parallel},
		{15, "Bad input is refused by its code", "2; 5, Error", first, false, badInput},
		{16, "Chains and delegates get what is theirs", "2; 3; 4", first, true, chains},
		{17, "VERSION needs nothing else", "2, VERSION", first, false, versionAlone},
	}
}
