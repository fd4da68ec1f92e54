package expression

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTraceIsArithmeticThatAReviewerFollows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"round(([net] - [tare]) / 13.85 'g' * 100 '%', 1 '%')": `
			round(([net] - [tare]) / 13.85 'g' * 100 '%', 1 '%')
			round((13.86 g - 500 mg) / 13.85 g * 100 %, 1 '%')
			round(13.36 g / 13.85 g * 100 %, 1 '%')
			round(0.964620938628158… * 100 %, 1 '%')
			round(96.4620938628158… %, 1 '%')
			96.5 %`,
		"if([net] > 13 'g', [net] / [volume], 1 'g' / [zero])": `
			if([net] > 13 'g', [net] / [volume], 1 'g' / [zero])
			if(13.86 g > 13 g, [net] / [volume], 1 'g' / [zero])
			if(yes, [net] / [volume], 1 'g' / [zero])
			13.86 g / 2 L
			6.93 g/L`,
		"avg([weights]) - -2 'mg' * 3": `
			avg([weights]) - -2 'mg' * 3
			avg(501, 499, 500, 502, 498 mg) - -2 mg * 3
			500 mg - (-2 mg) * 3
			500 mg - (-6 mg)
			506 mg`,
		"[clear] or [zero] / [zero] > 1": `
			[clear] or [zero] / [zero] > 1
			yes or [zero] / [zero] > 1
			yes`,
		"[temperature] - 20 'Cel' < 6 'K'": `
			[temperature] - 20 'Cel' < 6 'K'
			25.0 Cel - 20 Cel < 6 K
			5 K < 6 K
			yes`,
	} {
		f, err := Parse(text)
		require.NoError(t, err)
		lines, err := f.Trace(valueOf)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(strings.TrimSpace(want), "\t", ""), strings.Join(lines, "\n"))
	}
	f, err := Parse("[net] / ([tare] - 0.5 'g')")
	require.NoError(t, err)
	lines, err := f.Trace(valueOf)
	require.ErrorContains(t, err, "divided by zero")
	require.Equal(t, []string{"[net] / ([tare] - 0.5 'g')", "13.86 g / (500 mg - 0.5 g)", "13.86 g / 0 mg"}, lines)
}

// A trace ends where the evaluation ends, with the same result or for the same reason.
func TestTraceAgreesWithTheEvaluation(t *testing.T) {
	t.Parallel()
	g := generator{rand.New(rand.NewPCG(7, 7))} //nolint:gosec // it repeats
	for range 500 {
		want := g.number(1+g.IntN(3), g.IntN(2) == 0)
		f, err := Parse(want.text)
		if err != nil {
			continue // too large
		}
		v, err := f.Evaluate(valueOf)
		lines, wrong := f.Trace(valueOf)
		require.Equal(t, err == nil, wrong == nil, want.text)
		if err == nil && len(lines) > 1 {
			require.Equal(t, v.text(), lines[len(lines)-1], want.text)
		}
		require.Less(t, len(lines), maxDepth+2)
	}
}
