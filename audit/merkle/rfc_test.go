package merkle_test

import (
	"encoding/hex"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"veribatch/audit/merkle"
)

// hashes is a tree in memory as the library stores it.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		list[i] = h[index]
	}
	return list, nil
}

func treeOf(t require.TestingT, lines [][]byte) (stored hashes) {
	for i, line := range lines {
		more, err := tlog.StoredHashes(int64(i), line, stored)
		require.NoError(t, err)
		stored = append(stored, more...)
	}
	return stored
}

func rootOf(t require.TestingT, lines [][]byte) tlog.Hash {
	root, err := tlog.TreeHash(int64(len(lines)), treeOf(t, lines))
	require.NoError(t, err)
	return root
}

func sorted(lines map[string]string) (list [][]byte) {
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		list = append(list, []byte(lines[key]))
	}
	return list
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

// The leaves, roots and proofs with which the implementations of RFC 6962 are compared.
var (
	rfcLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	rfcRoots  = []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	rfcPaths = []struct {
		size, index int64
		path        []string
	}{
		{1, 0, nil},
		{8, 0, []string{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
		{8, 5, []string{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
		{3, 2, []string{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
		{5, 1, []string{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
	}
	rfcConsistency = []struct {
		old, new int64
		proof    []string
	}{
		{1, 1, nil},
		{1, 8, []string{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7", "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
		{6, 8, []string{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
		{2, 5, []string{"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
	}
)

func TestVectorsOfRFC6962(t *testing.T) {
	t.Parallel()
	var leaves [][]byte
	for i, text := range rfcLeaves {
		leaves = append(leaves, unhex(t, text))
		root, _, err := merkle.Edge(leaves)
		require.NoError(t, err)
		require.Equal(t, rfcRoots[i], hex.EncodeToString(root[:]), "root of %d leaves", i+1)
	}
	empty, _, err := merkle.Edge(nil)
	require.NoError(t, err)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex.EncodeToString(empty[:]))
	stored := treeOf(t, leaves)
	for _, v := range rfcPaths {
		proof, err := tlog.ProveRecord(v.size, v.index, stored)
		require.NoError(t, err)
		require.Equal(t, v.path, texts(proof), "path of %d in %d", v.index, v.size)
	}
	for _, v := range rfcConsistency {
		proof, err := tlog.ProveTree(v.new, v.old, stored)
		require.NoError(t, err)
		require.Equal(t, v.proof, texts(proof), "from %d to %d", v.old, v.new)
	}
}

func texts(list []tlog.Hash) (out []string) {
	for _, h := range list {
		out = append(out, hex.EncodeToString(h[:]))
	}
	return out
}
