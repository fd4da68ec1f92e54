package merkle

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit"
)

const (
	height = 8           // of tiles, as in C2SP tlog-tiles
	width  = 1 << height // hashes in a full tile
)

// tiles reads the tiles of one log.
type tiles struct {
	ctx   context.Context
	q     audit.Querier
	epoch int
}

// Height implements tlog.TileReader.
func (tiles) Height() int { return height }

// SaveTiles implements tlog.TileReader: there is no cache.
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

const tilesAt = `select substr(t.hashes, 1, g.bytes) from unnest(@levels::int[], @numbers::bigint[], @bytes::int[]) with ordinality g (level, number, bytes, n)
	left join audit.log_tiles t on t.epoch = @epoch and t.level = g.level and t.number = g.number order by g.n`

// errLacks says that a tile is missing or too short: a disagreement, where every other error says that it could not be read.
var errLacks = errors.New("the log lacks hashes")

// ReadTiles implements tlog.TileReader. A tile that is missing or too short is an errLacks that names it.
func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	levels, numbers, lengths := make([]int, len(list)), make([]int64, len(list)), make([]int, len(list))
	for i, tile := range list {
		levels[i], numbers[i], lengths[i] = tile.L, tile.N, tile.W*tlog.HashSize
	}
	rows, err := t.q.Query(t.ctx, tilesAt, pgx.NamedArgs{"epoch": t.epoch, "levels": levels, "numbers": numbers, "bytes": lengths})
	if err != nil {
		return nil, err
	}
	data, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	for i, tile := range list {
		if len(data[i]) != lengths[i] {
			return nil, fmt.Errorf("%w: tile %d/%d holds %d of %d", errLacks, tile.L, tile.N, len(data[i])/tlog.HashSize, tile.W)
		}
	}
	return data, nil
}

// bare reads hashes of a tree of some size out of tiles as they stand, without asking whether they belong together: enough to compute a root.
type bare struct {
	tlog.TileReader
	size int64
}

// ReadHashes implements tlog.HashReader.
func (b bare) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Tile, len(indexes))
	for i, index := range indexes {
		list[i] = tlog.TileForIndex(height, index)
	}
	data, err := b.ReadTiles(list)
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if hashes[i], err = tlog.HashFromTile(list[i], data[i], index); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

// frontier is the growing edge of a tree: of each level the last tile that is not full. It takes leaves and says which hashes are new on each level.
type frontier struct {
	size int64
	open [][]byte // by level, less than width hashes each
}

// load reads the edge of a tree of some size.
func (f *frontier) load(r tlog.TileReader, size int64) error {
	f.size, f.open = size, nil
	var list []tlog.Tile
	var at []int
	for level := 0; size>>(height*level) > 0; level++ {
		f.open = append(f.open, nil)
		n := size >> (height * level)
		if w := int(n % width); w > 0 {
			list, at = append(list, tlog.Tile{H: height, L: level, N: n / width, W: w}), append(at, level)
		}
	}
	data, err := r.ReadTiles(list)
	for i, level := range at[:len(data)] {
		f.open[level] = data[i]
	}
	return err
}

// add takes one leaf; added is called for every hash that this adds to a level.
func (f *frontier) add(leaf tlog.Hash, added func(level int, hash tlog.Hash)) {
	f.size++
	for level, hash := 0, leaf; ; level++ {
		if level == len(f.open) {
			f.open = append(f.open, make([]byte, 0, width*tlog.HashSize))
		}
		added(level, hash)
		f.open[level] = append(f.open[level], hash[:]...)
		if len(f.open[level]) < width*tlog.HashSize {
			return
		}
		hash = subtree(f.open[level])
		f.open[level] = f.open[level][:0]
	}
}

// subtree is the root over the hashes of a full tile.
func subtree(hashes []byte) tlog.Hash {
	if len(hashes) == tlog.HashSize {
		return tlog.Hash(hashes)
	}
	half := len(hashes) / 2
	return tlog.NodeHash(subtree(hashes[:half]), subtree(hashes[half:]))
}

// root is the root of the tree: everything that it is made of lies on the edge.
func (f *frontier) root() (tlog.Hash, error) { return tlog.TreeHash(f.size, bare{edge{f}, f.size}) }

// edge serves the open tiles of a frontier.
type edge struct{ *frontier }

// Height implements tlog.TileReader.
func (edge) Height() int { return height }

// SaveTiles implements tlog.TileReader.
func (edge) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (e edge) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(list))
	for i, tile := range list {
		if tile.L >= len(e.open) || tile.N != e.size>>(height*tile.L)/width || tile.W*tlog.HashSize > len(e.open[tile.L]) {
			return nil, fmt.Errorf("tile %d/%d is not at the edge of a tree of %d leaves", tile.L, tile.N, e.size)
		}
		data[i] = e.open[tile.L][:tile.W*tlog.HashSize]
	}
	return data, nil
}
