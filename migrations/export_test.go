package migrations

// Opened to the tests, which stand outside the package because pgtest imports it.
var (
	UpFrom  = up
	CheckBy = check
	Files   = files
)

// Tables is what tables.csv is made of.
var Tables = tables
