package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a check found is told also when a later one cannot be made: whoever alters a record could stop the check behind it, and nobody would hear of the record.
func TestFindingsSurviveACheckThatCannotGoOn(t *testing.T) {
	t.Parallel()
	p, w := newPlant(t)
	super := w.DB.Super(t)
	_, err := super.Exec(w.Ctx, `alter table audit.entries disable trigger all; alter table ebr.stations disable trigger all; update ebr.stations set name = name || ' 9'; alter table audit.checkpoints rename column note to nothing`)
	require.NoError(t, err)
	report, err := verifyAll(w.Ctx, p.trail, p.keys, "", nil)
	require.NoError(t, err)
	require.Contains(t, strings.Join(report.Findings, "\n"), "table ebr.stations")
	require.Contains(t, report.Findings[len(report.Findings)-1], "the check could not go on: ")
	require.ErrorIs(t, p.verify(w.Ctx), errFound)
}
