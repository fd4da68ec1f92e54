package batch_test

import (
	"fmt"
	"testing"

	"veribatch/audit"
	"veribatch/ebr/batch"
)

// BenchmarkAct measures one act (a comment: load, fold, ask, write, seal) on a batch with a short and a long history, and the reading of
// the whole record. The number of other batches plays no part: nothing but this batch's rows is read.
func BenchmarkAct(b *testing.B) {
	p := newPlant(b)
	id := p.running()
	length := len(p.load(id).History())
	for _, want := range []int{20, 1000} {
		for ; length < want; length++ {
			p.do(p.anna, batch.Comment{Batch: id, Text: "Walked past"})
		}
		b.Run(fmt.Sprintf("act/history=%d", want), func(b *testing.B) {
			for b.Loop() {
				p.do(p.anna, batch.Comment{Batch: id, Text: "Walked past"})
				length++
			}
		})
		b.Run(fmt.Sprintf("load/history=%d", want), func(b *testing.B) {
			for b.Loop() {
				p.load(id)
			}
		})
	}
	b.Run("entry alone", func(b *testing.B) {
		for b.Loop() {
			_, err := p.Trail.Change(p.Ctx, audit.Intent{Session: p.anna.Token, Act: "step.comment", Home: audit.Stream("batch/" + id)}, func(*audit.Tx) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
