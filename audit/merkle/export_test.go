package merkle

import "golang.org/x/mod/sumdb/tlog"

// EndAt makes the sequencer ask f after each step of a round: an error there ends it, as a process that dies would.
func (s *Sequencer) EndAt(f func(step string) error) { s.at = f }

// Round is one look of the sequencer.
var Round = (*Sequencer).work

// Edge computes root and levels of a list of leaves as the sequencer does.
func Edge(leaves [][]byte) (tlog.Hash, [][]tlog.Hash, error) {
	var f frontier
	var levels [][]tlog.Hash
	for _, leaf := range leaves {
		f.add(tlog.RecordHash(leaf), func(level int, hash tlog.Hash) {
			if level == len(levels) {
				levels = append(levels, nil)
			}
			levels[level] = append(levels[level], hash)
		})
	}
	root, err := f.root()
	return root, levels, err
}

// LeafHash is the hash of a leaf.
func LeafHash(line string) tlog.Hash { return tlog.RecordHash([]byte(line)) }
