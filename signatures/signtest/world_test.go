package signtest

import (
	"os"
	"testing"

	"veribatch/internal/pgtest"
	"veribatch/signatures/access"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestNewGivesPeople(t *testing.T) {
	t.Parallel()
	w := New(t)
	anna := w.Person("anna.keller", access.Operator)
	s, err := w.Gate.Find(w.Ctx, anna.Token)
	if err != nil || s.Person != anna.ID || s.FullName != "Anna Keller" || s.StationName != "Granulation 1" || s.Locked || s.MustChange {
		t.Fatalf("%+v, %v", s, err)
	}
}
