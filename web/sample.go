package web

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"veribatch/audit/merkle"
	"veribatch/internal/fault"
)

// SampleView is a random sample of a selection, which anybody can draw again.
type SampleView struct {
	Page
	Count   string // how many entries were asked for, as typed
	Wrong   string // what is wrong with it
	Kept    []Line // the filters of the selection, by field name
	Drawn   []Line // of what, and by which root
	Entries []TrailEntry
	Trail   string // address of the selection
}

func (*SampleView) template() string { return "trail/sample" }

// sampleSize is how many entries a sample has when nobody says otherwise, and at most.
const sampleSize, largestSample = 20, 200

func (s *server) showSample(v *visit) (View, error) {
	search, err := v.searchAsked()
	if err != nil {
		return nil, err
	}
	filters := v.selection()
	filters.Del("count")
	filters.Del("size")
	view := &SampleView{Page: v.frame(v.words("Random sample")), Trail: "/trail?" + filters.Encode(), Count: cmp.Or(v.c.QueryParam("count"), strconv.Itoa(sampleSize))}
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		view.Kept = append(view.Kept, Line{name, filters.Get(name)})
	}
	n, err := strconv.Atoi(view.Count)
	if err != nil || n < 1 || n > largestSample {
		view.Wrong = v.words("A sample has 1 to %d entries.", largestSample)
		return view, nil
	}
	var tree merkle.Tree
	if _, err := v.signedTree(&tree); err != nil {
		return nil, err
	}
	if size := v.c.QueryParam("size"); size != "" {
		smaller, err := countAsked("size", size)
		if err != nil {
			return nil, err
		}
		if smaller > tree.Size {
			return nil, fault.New(fault.Missing, "The log has %d leaves: there is no tree of %d.", tree.Size, smaller)
		}
		if tree, err = merkle.At(v.ctx, v, smaller); err != nil {
			return nil, err
		}
	}
	rows, of, err := merkle.Sample(v.ctx, v, tree, search, n)
	if err != nil {
		return nil, err
	}
	view.Drawn = []Line{
		{v.words("Entries of the selection"), strconv.Itoa(of)}, {v.words("Leaves under the checkpoint"), strconv.FormatInt(tree.Size, 10)},
		{v.words("Root"), hex.EncodeToString(tree.Root[:])},
	}
	view.Entries, err = v.entriesOf(rows)
	return view, err
}
