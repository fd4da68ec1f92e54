package web

// SmallFiles lowers how much a file of the trail holds, until the test ends.
func SmallFiles(t interface{ Cleanup(func()) }, entries, page int) {
	former := bounds
	t.Cleanup(func() { bounds = former })
	bounds.entries, bounds.page = entries, page
}

// NoFormula is the rule for cells of a table.
var NoFormula = noFormula
