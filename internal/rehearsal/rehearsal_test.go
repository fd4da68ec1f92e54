package rehearsal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/recipes"
	"veribatch/recipes/library"
)

// The plan has in it what a real batch has, so that a run of it says something.
func TestThePlanHasEverything(t *testing.T) {
	recipe, faults := recipes.Check(library.Paracetamol500, library.Text(library.Paracetamol500))
	require.Empty(t, faults)
	acts := map[string]int{}
	refused, again, weights := 0, 0, 0
	for _, a := range Paracetamol(t, recipe) {
		switch {
		case a.Refused:
			refused++
			continue
		case a.Word == "step.record" && a.Seen > 0:
			again++
		case a.Word == "step.record" && recipe.Procedure.Step(a.Step).Value(a.Value).Unit == "mg":
			weights++
		}
		acts[a.Word]++
	}
	require.Equal(t, []int{2, 2, 30}, []int{refused, again, weights})
	require.Equal(t, 53+1, acts["step.perform"], "every step, and the corrected one again")
	require.Equal(t, 26+1, acts["step.verify"])
	for word, want := range map[string]int{
		"order.create": 1, "batch.issue": 1, "batch.start": 1, "hold.assess": 2, "batch.resume": 1, "step.correct": 1, "step.comment": 5, "batch.complete": 1,
	} {
		require.Equal(t, want, acts[word], word)
	}
}

func TestDifferencesAreShown(t *testing.T) {
	require.Empty(t, Differences([]string{"a", "b"}, []string{"a", "b"}))
	require.Equal(t, []string{"2 entries and 1 entries"}, Differences([]string{"a", "b"}, []string{"a"}))
	found := Differences([]string{"a", "b\n c"}, []string{"a", "b\n d\n e"})
	require.Len(t, found, 1)
	require.Contains(t, found[0], "entry 2, line 2: c | d")
}

// Ids keep what they say about each other when their values are taken out.
func TestEntriesBecomePlain(t *testing.T) {
	const a, b = "01a20526-7fe6-7eb5-966e-8e5d50080c4a", "01a20526-8235-79ae-b2d4-15b884d0c442"
	got := plainer{}.text(t, []byte(`{"stream":"batch/`+a+`","key":"`+b+`","station":"`+b+`","prev":"x","by":{"session":"`+b+`","person":"`+b+`"},
		"time":"2026-11-22T21:25:39.506721Z","raw":"2026-11-22 22:25","reading":"2026-11-22 22:25 +01:00","other":"`+a+` `+b+`",
		"sum":"936a2771866291f173f20072f8cb56d3947f87ccfaace794c726eef76fd5938d"}`))
	require.JSONEq(t, `{"stream":"batch/id 2","by":{"person":"id 1"},"time":"time","raw":"time","reading":"time","other":"id 2 id 1","sum":"hash"}`, got)
}
