package web

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/internal/fault"
	"veribatch/signatures/access"
)

// logTree is the log over all streams at one size, as RFC 6962 and docs/auditor.md have it.
type logTree struct {
	Origin string     `json:"origin" doc:"name of the log: veribatch/, the id of the site, / and the epoch"`
	Size   int64      `json:"size" doc:"leaves of the tree"`
	Root   string     `json:"root" doc:"hash of the tree, hex"`
	At     *time.Time `json:"at,omitempty" doc:"of the newest leaf; absent for an earlier size"`
}

func treeOf(t merkle.Tree) logTree {
	line := logTree{Origin: t.Origin, Size: t.Size, Root: hex.EncodeToString(t.Root[:])}
	if !t.At.IsZero() {
		line.At = &t.At
	}
	return line
}

// hexes gives the hashes of a proof.
func hexes[H ~[32]byte](hashes []H) []string {
	list := make([]string, len(hashes))
	for i, h := range hashes {
		list[i] = fmt.Sprintf("%x", [32]byte(h))
	}
	return list
}

// inclusion proves that a leaf stands in a tree: RFC 6962, section 2.1.1.
type inclusion struct {
	Tree  logTree  `json:"tree"`
	Index int64    `json:"index" doc:"place of the leaf, from 0"`
	Leaf  string   `json:"leaf" doc:"line of the leaf, with its line feed"`
	Path  []string `json:"path" doc:"audit path from the leaf upwards, hex"`
}

func inclusionOf(p merkle.Inclusion) inclusion {
	return inclusion{treeOf(p.Tree), p.Index, p.Leaf, hexes(p.Proof)}
}

type askLog struct{}

// logState is the newest tree, and how far the signer has signed.
type logState struct {
	logTree
	Checkpoint string   `json:"checkpoint,omitempty" doc:"newest checkpoint as it was signed (C2SP tlog-checkpoint)"`
	Signed     int64    `json:"signed" doc:"leaves under it"`
	SignedAt   string   `json:"signed_at,omitempty" doc:"when it was signed"`
	Key        string   `json:"key,omitempty" doc:"key of the signer, as verifiers of signed notes take it"`
	Uncovered  int64    `json:"uncovered" doc:"age of the oldest entry that no checkpoint covers, in seconds; 0 when all are covered"`
	Problem    string   `json:"problem,omitempty" doc:"why the signer does not sign"`
	Refused    *refused `json:"refused,omitempty" doc:"given when the signer refuses this log"`
}

// refused is what the signer had signed last.
type refused struct {
	Code  string `json:"code" doc:"reason: smaller, forked, proof, origin, lost or key when QA must judge; else what will pass"`
	Size  int64  `json:"size" doc:"leaves that it had signed"`
	Known int64  `json:"known" doc:"leaves under the newest checkpoint that the database knows; those from here to size are missing or replaced"`
}

func apiLog(v *visit, _ askLog) (answer logState, err error) {
	tree, err := merkle.Head(v.ctx, v)
	if err != nil {
		return answer, err
	}
	s, err := keeper.Read(v.ctx, v)
	if err != nil {
		return answer, err
	}
	answer = logState{logTree: treeOf(tree), Checkpoint: string(s.Note), Signed: s.Size, Uncovered: int64(math.Ceil(s.Age.Seconds())), Problem: s.Problem}
	if s.Epoch > 0 {
		answer.SignedAt = s.At.UTC().Format(time.RFC3339)
	}
	if name, _, err := checkpoint.SplitOrigin(tree.Origin); err == nil && len(s.Key) > 0 {
		answer.Key = checkpoint.VerifierKey(name, s.Key)
	}
	if r := s.Refusal; r != nil {
		answer.Refused = &refused{r.Code, r.Size, r.Known}
	}
	return answer, nil
}

type askInclusion struct {
	Stream string `query:"stream" doc:"stream of the entry" example:"batch/01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"`
	Seq    string `query:"seq" doc:"number of the entry in its stream" example:"33"`
	Size   string `query:"size" doc:"size of the tree; the newest when left out" example:"2048"`
}

// sizeAsked is a number of leaves; the newest tree when nothing was asked for.
func (v *visit) sizeAsked(field, text string) (int64, error) {
	if text == "" {
		tree, err := merkle.Head(v.ctx, v)
		return tree.Size, err
	}
	return countAsked(field, text)
}

func countAsked(field, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.At(field, "Give a whole number from 1 on.")
	}
	return n, nil
}

// streamAsked takes a stream that the person may see; another one is answered as one that is not there.
func (v *visit) streamAsked(text string) (audit.Stream, error) {
	if !stream.MatchString(text) {
		return "", fault.At("stream", "This is no stream. A stream is written like batch/0198c5f2-7c1a-7000-8000-000000000000.")
	}
	areas := v.grants.Areas("trail.read")
	if slices.Contains(areas, access.WholeSite) {
		return audit.Stream(text), nil
	}
	within, err := audit.InAreas(v.ctx, v, audit.Stream(text), areas)
	if err == nil && !within {
		err = fault.New(fault.Missing, "There is no such stream, or it is not yours to see.")
	}
	return audit.Stream(text), err
}

func apiInclusion(v *visit, q askInclusion) (inclusion, error) {
	home, err := v.streamAsked(q.Stream)
	if err != nil {
		return inclusion{}, err
	}
	seq, err := countAsked("seq", q.Seq)
	if err != nil {
		return inclusion{}, err
	}
	size, err := v.sizeAsked("size", q.Size)
	if err != nil {
		return inclusion{}, err
	}
	p, err := merkle.ProveEntry(v.ctx, v, home, seq, size)
	return inclusionOf(p), err
}

type askConsistency struct {
	From string `query:"from" doc:"size of the smaller tree" example:"1024"`
	To   string `query:"to" doc:"size of the larger tree; the newest when left out" example:"2048"`
}

// consistency proves that a tree begins with all leaves of a smaller one: RFC 6962, section 2.1.2.
type consistency struct {
	From logTree  `json:"from"`
	To   logTree  `json:"to"`
	Path []string `json:"path" doc:"consistency proof, hex"`
}

func apiConsistency(v *visit, q askConsistency) (answer consistency, err error) {
	from, err := countAsked("from", q.From)
	if err != nil {
		return answer, err
	}
	to, err := v.sizeAsked("to", q.To)
	if err != nil {
		return answer, err
	}
	proof, err := merkle.ProveConsistency(v.ctx, v, from, to)
	if err != nil {
		return answer, err
	}
	small, err := merkle.At(v.ctx, v, from)
	if err != nil {
		return answer, err
	}
	large, err := merkle.At(v.ctx, v, to)
	return consistency{treeOf(small), treeOf(large), hexes(proof)}, err
}

type askNewest struct {
	Stream string `query:"stream" doc:"stream whose end is asked for" example:"batch/01938f0e-5a52-7b6c-8d3e-4f5a6b7c8d9e"`
	Size   string `query:"size" doc:"size of the tree; the newest when left out" example:"2048"`
}

// newestProof proves which entry of a stream was the newest when a heads leaf was written: a tail that was cut shows against it.
type newestProof struct {
	Heads inclusion `json:"heads" doc:"the newest heads leaf in the tree"`
	Seq   int64     `json:"seq" doc:"newest entry of the stream then"`
	Line  string    `json:"line" doc:"line of the stream under the root of the heads leaf, with its line feed"`
	Index int64     `json:"index" doc:"place of that line, from 0"`
	Path  []string  `json:"path" doc:"audit path of that line, hex"`
}

func apiNewest(v *visit, q askNewest) (answer newestProof, err error) {
	home, err := v.streamAsked(q.Stream)
	if err != nil {
		return answer, err
	}
	size, err := v.sizeAsked("size", q.Size)
	if err != nil {
		return answer, err
	}
	p, err := merkle.ProveStream(v.ctx, v, home, size)
	return newestProof{inclusionOf(p.Heads), p.Seq, p.Line, p.Index, hexes(p.Proof)}, err
}
