// Package house owns the rules of the house as tests: who may import whom, what every package, table, query and template must
// have. It has no code of its own and nothing imports it; a broken rule fails with a sentence that gives the reason.
// Start reading at ladder_test.go.
package house
