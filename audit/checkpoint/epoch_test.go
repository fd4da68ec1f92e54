package checkpoint

import (
	"errors"
	"testing"
)

// A signer begins another epoch of its log for evidence that it is told to believe, once, and keeps to it.
func TestSignerBeginsAnotherEpochForEvidence(t *testing.T) {
	w, l, next := newWorld(t), grown(t, 20), grown(t, 5)
	w.signs(l.request(0, 20, 0))
	next.origin = testName + "/2"
	first := next.request(0, 5, second)
	w.refuses(first, Origin)
	first.Evidence = []byte("signed")
	w.refuses(first, Origin) // it believes nobody
	w.signer.Continues = func(evidence []byte, asked, last Checkpoint) error {
		if string(evidence) != "signed" || asked.Text() != next.at(5).Text() || last.Text() != l.at(20).Text() {
			return errors.New("no")
		}
		return nil
	}
	foreign := grown(t, 5)
	foreign.origin = testName[:len(testName)-1] + "2/2"
	other := foreign.request(0, 5, second)
	other.Evidence = first.Evidence
	w.refuses(other, Origin)
	wrong := first
	wrong.Evidence = []byte("forged")
	w.refuses(wrong, Origin)
	early := next.request(0, 5, 0)
	early.Evidence = first.Evidence
	w.refuses(early, Time)
	late := next.request(4, 5, second)
	late.Evidence = first.Evidence
	w.refuses(late, Lost)

	w.signs(first)
	w.signer.Continues = func([]byte, Checkpoint, Checkpoint) error { return nil }
	again := l.request(0, 20, 2*second)
	again.Evidence = first.Evidence
	w.refuses(again, Origin) // there is no way back
	w.restart()
	next.add("more")
	w.signs(next.request(5, 6, 3*second))
}
