package merkle

import (
	"context"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

// Prover proves many entries in one tree. It keeps what it read of the tree, which does not change.
type Prover struct {
	Tree  Tree
	known map[tlog.Tile][]byte
}

// knownTiles bounds what a prover keeps, 8 KiB each.
const knownTiles = 1000

const leavesOf = `select coalesce(l.index, -1) from unnest(@streams::text[], @seqs::bigint[]) with ordinality g (stream, seq, n)
	left join audit.log_leaves l on l.epoch = @epoch and l.stream = g.stream and l.seq = g.seq order by g.n`

// leaves gives the places of entries in a log; -1 for those that are not in it.
func leaves(ctx context.Context, q audit.Querier, epoch int, entries []audit.Row) ([]int64, error) {
	streams, seqs := make([]string, len(entries)), make([]int64, len(entries))
	for i, e := range entries {
		streams[i], seqs[i] = string(e.Stream), e.Seq
	}
	rows, err := q.Query(ctx, leavesOf, pgx.NamedArgs{"epoch": epoch, "streams": streams, "seqs": seqs})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// Prove gives the proofs of entries in their order; one that is not in the tree has the index -1 and no proof.
func (p *Prover) Prove(ctx context.Context, q audit.Querier, entries []audit.Row) ([]Inclusion, error) {
	indexes, err := leaves(ctx, q, p.Tree.Epoch, entries)
	if err != nil {
		return nil, err
	}
	list := make([]Inclusion, len(entries))
	reader := tlog.TileHashReader(tlog.Tree{N: p.Tree.Size, Hash: p.Tree.Root}, kept{tiles{ctx, q, p.Tree.Epoch}, p})
	for i, index := range indexes {
		if index < 0 || index >= p.Tree.Size {
			list[i].Index = -1
			continue
		}
		if list[i], err = prove(reader, p.Tree, index, EntryLeaf(entries[i].Stream, entries[i].Seq, entries[i].Hash)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// kept reads tiles and keeps those that the reader found to belong to the tree.
type kept struct {
	tiles
	p *Prover
}

// ReadTiles implements tlog.TileReader.
func (k kept) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	var lacking []tlog.Tile
	for i, t := range list {
		if data[i] = k.p.known[t]; data[i] == nil {
			lacking = append(lacking, t)
		}
	}
	if len(lacking) == 0 {
		return data, nil
	}
	read, err := k.tiles.ReadTiles(lacking)
	if err != nil {
		return nil, err
	}
	for i := range data {
		if data[i] == nil {
			data[i], read = read[0], read[1:]
		}
	}
	return data, nil
}

// SaveTiles implements tlog.TileReader.
func (k kept) SaveTiles(list []tlog.Tile, data [][]byte) {
	if k.p.known == nil || len(k.p.known) > knownTiles {
		k.p.known = map[tlog.Tile][]byte{}
	}
	for i, t := range list {
		k.p.known[t] = data[i]
	}
}
