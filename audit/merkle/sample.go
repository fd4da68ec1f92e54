package merkle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
	"veribatch/internal/fault"
)

// drawn is an entry with its rank in a sample.
type drawn struct {
	rank [sha256.Size]byte
	row  audit.Row
}

// Rank is the place of an entry in the order in which a sample takes entries, as docs/auditor.md has it: nobody who enters something knows the root to come.
func Rank(root tlog.Hash, stream audit.Stream, seq int64) [sha256.Size]byte {
	return sha256.Sum256(append(root[:], string(stream)+" "+strconv.FormatInt(seq, 10)...))
}

// A selection of which a sample is drawn is read whole, in so many pages at most.
const samplePage, sampleRounds = 500, 40

// Sample draws n entries of a selection, in the order of their ranks under the root of the tree. Of counts the entries of the selection that stand in the tree.
func Sample(ctx context.Context, q audit.Querier, tree Tree, s audit.Search, n int) (list []audit.Row, of int, err error) {
	s.Limit = samplePage
	var lowest []drawn
	for round := 1; ; round++ {
		found, err := audit.Explore(ctx, q, s)
		if err != nil {
			return nil, 0, err
		}
		indexes, err := leaves(ctx, q, tree.Epoch, found.Rows)
		if err != nil {
			return nil, 0, err
		}
		for i, r := range found.Rows {
			if indexes[i] >= 0 && indexes[i] < tree.Size {
				of++
				lowest = append(lowest, drawn{Rank(tree.Root, r.Stream, r.Seq), r})
			}
		}
		slices.SortFunc(lowest, func(a, b drawn) int { return bytes.Compare(a.rank[:], b.rank[:]) })
		lowest = lowest[:min(n, len(lowest))]
		if !found.More {
			break
		}
		if round == sampleRounds {
			return nil, 0, fault.New(fault.TooLarge, "The selection holds too many entries to draw a sample of it. Choose fewer days, or one record.")
		}
		s.After = found.End
	}
	for _, d := range lowest {
		list = append(list, d.row)
	}
	return list, of, nil
}
