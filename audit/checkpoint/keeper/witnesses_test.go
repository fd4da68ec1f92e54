package keeper_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/witness"
	"veribatch/internal/testwitness"
)

// witness is one of its own for a log of this origin.
func (w *world) witness(origin string) *testwitness.Witness {
	w.T.Helper()
	public, err := w.way.Key(w.Ctx)
	require.NoError(w.T, err)
	name, _, err := checkpoint.SplitOrigin(origin)
	require.NoError(w.T, err)
	return testwitness.Start(w.T, "", checkpoint.VerifierKey(name, public))
}

func (w *world) origin() (origin string) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) error {
		return r.QueryRow(w.Ctx, `select origin from audit.logs order by epoch desc limit 1`).Scan(&origin)
	}))
	return origin
}

func (w *world) witnessed() (s keeper.Witnessed) {
	w.T.Helper()
	require.NoError(w.T, w.Trail.Read(w.Ctx, func(r *audit.Reader) (err error) { s, err = keeper.ReadWitnessed(w.Ctx, r); return err }))
	return s
}

func (w *world) compare(trail *audit.Trail) (said []string) {
	w.T.Helper()
	require.NoError(w.T, trail.Read(w.Ctx, func(r *audit.Reader) error {
		return keeper.VerifyCosignatures(w.Ctx, r, func(row string, why error) { said = append(said, row+": "+why.Error()) })
	}))
	return said
}

// Two of three witnesses are enough; one that is away is a problem with a beginning and an end; a log that was put back is refused, and what
// somebody changes in the cosignatures is found.
func TestWitnessesSeeTheLogGrow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	require.NoError(t, w.round())
	a, b, c := w.witness(w.origin()), w.witness(w.origin()), w.witness(w.origin())
	k := &keeper.Witnesses{Trail: w.Trail, Clients: []*witness.Client{a.Client, b.Client, c.Client}, Quorum: 2}
	require.Empty(t, w.witnessed().List)
	require.NoError(t, k.Enlist(w.Ctx, 0))
	require.Positive(t, w.witnessed().Behind, "nobody has seen it yet")
	b.Away.Store(true)
	c.Away.Store(true)
	require.NoError(t, k.Round(w.Ctx))
	s := w.witnessed()
	require.Len(t, s.List, 3)
	require.Equal(t, 2, s.Quorum)
	require.Positive(t, s.Behind, "one is not enough")
	b.Away.Store(false)
	require.NoError(t, k.Round(w.Ctx))
	s = w.witnessed()
	require.Zero(t, s.Behind)
	problems := 0
	for _, one := range s.List {
		if one.Problem != "" {
			problems++
			require.Equal(t, c.Key(), one.Key)
			require.False(t, one.Refused)
		}
	}
	require.Equal(t, 1, problems)

	yesterday := w.DB.Copy(t)
	w.Trail = openTrail(t, w, w.DB.AppDSN)
	k.Trail, w.keeper.Trail = w.Trail, w.Trail
	w.log()
	require.NoError(t, w.round())
	require.Positive(t, w.witnessed().Behind)
	c.Away.Store(false)
	require.NoError(t, k.Round(w.Ctx))
	require.Zero(t, w.witnessed().Behind)
	for _, one := range w.witnessed().List {
		require.Empty(t, one.Problem)
		require.Equal(t, w.state().Size, one.Size)
	}
	require.Empty(t, w.compare(w.Trail))

	before := openTrail(t, w, yesterday.AppDSN)
	put := &keeper.Witnesses{Trail: before, Clients: k.Clients, Quorum: 2}
	require.NoError(t, put.Enlist(w.Ctx, 0))
	require.NoError(t, put.Round(w.Ctx))
	require.NoError(t, before.Read(w.Ctx, func(r *audit.Reader) (err error) { s, err = keeper.ReadWitnessed(w.Ctx, r); return err }))
	require.True(t, s.Refused(), "the one that is asked again has seen more: %+v", s)

	k.Clients = k.Clients[:1]
	k.Quorum = 1
	require.NoError(t, k.Enlist(w.Ctx, 0))
	require.Len(t, w.witnessed().List, 1)
	super := w.DB.Super(t)
	for _, sql := range []string{`delete from audit.cosignatures`, `update audit.cosignatures set line = ''`, `insert into audit.cosignatures values (1, 1, 'x', now(), 'x')`, `truncate audit.cosignatures`} {
		_, err := super.Exec(w.Ctx, `set role app; `+sql)
		require.Error(t, err, sql)
		_, err = super.Exec(w.Ctx, `reset role`)
		require.NoError(t, err)
	}
	require.ErrorContains(t, w.Trail.Operate(w.Ctx, func(op *audit.Op) error {
		_, err := op.Exec(w.Ctx, `select audit.keep_cosignature(1, 1000000, 'x', now(), 'x')`)
		return err
	}), "VB110")
	for _, c := range []struct{ sql, says string }{
		{`update audit.cosignatures set at = at + interval '1 second'`, "not the one that was signed"},
		{`update audit.cosignatures set line = replace(line, right(line, 9), 'AAAAAAA==')`, "table audit.cosignatures epoch 1 size "},
		{`update audit.cosignatures set witness = 'x' where ctid = (select min(ctid) from audit.cosignatures)`, "witness x"},
		{`delete from audit.checkpoints where size = (select min(size) from audit.cosignatures)`, "is gone"},
	} {
		tx, err := super.Begin(w.Ctx)
		require.NoError(t, err)
		_, err = tx.Exec(w.Ctx, `set local session_replication_role = replica; alter table audit.cosignatures disable trigger all; alter table audit.checkpoints disable trigger all; `+c.sql)
		require.NoError(t, err, c.sql)
		var said []string
		require.NoError(t, keeper.VerifyCosignatures(w.Ctx, tx, func(row string, why error) { said = append(said, row+": "+why.Error()) }))
		require.NotEmpty(t, said, c.sql)
		require.Contains(t, said[0], c.says, c.sql)
		require.NoError(t, tx.Rollback(w.Ctx))
	}
}

func openTrail(t *testing.T, w *world, dsn string) *audit.Trail {
	t.Helper()
	trail, err := audit.Open(w.Ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(trail.Close)
	require.NoError(t, trail.Start(w.Ctx, nil))
	return trail
}

// What stands against a release: another log always; too few witnesses only where they are demanded.
func TestBarOfWitnesses(t *testing.T) {
	t.Parallel()
	two := []keeper.WitnessState{{Key: "a"}, {Key: "b"}}
	late := keeper.WitnessedAfter + time.Second
	for _, c := range []struct {
		seen     keeper.Witnessed
		demanded int
		says     string
	}{
		{keeper.Witnessed{}, 0, ""},
		{keeper.Witnessed{}, 1, "Witnesses that must have seen the audit trail: 1. The server asks 0."},
		{keeper.Witnessed{List: two, Quorum: 2}, 2, ""},
		{keeper.Witnessed{List: two, Quorum: 2, Behind: keeper.WitnessedAfter}, 2, ""},
		{keeper.Witnessed{List: two, Quorum: 2, Behind: late}, 0, ""},
		{keeper.Witnessed{List: two, Quorum: 2, Behind: late}, 1, "Fewer than 2 witnesses have seen the audit trail for 5 min."},
		{keeper.Witnessed{List: two, Quorum: 2}, 3, "Witnesses that must have seen the audit trail: 3. The server asks 2."},
		{keeper.Witnessed{List: []keeper.WitnessState{{Key: "a", Refused: true}}, Quorum: 1}, 0, "A witness has cosigned another log of the audit trail than this one."},
	} {
		require.Equal(t, c.says, c.seen.Bar(c.demanded))
	}
}

// What the quality unit demands raises what the command line says and never lowers it.
func TestDemandRaisesTheQuorum(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.log()
	require.NoError(t, w.round())
	a, b := w.witness(w.origin()), w.witness(w.origin())
	k := &keeper.Witnesses{Trail: w.Trail, Clients: []*witness.Client{a.Client, b.Client}, Quorum: 1}
	for demanded, quorum := range []int{1, 1, 2, 2} {
		require.NoError(t, k.Enlist(w.Ctx, demanded))
		require.Equal(t, quorum, w.witnessed().Quorum, demanded)
	}
	k.Quorum = 2
	require.NoError(t, k.Enlist(w.Ctx, 1))
	require.Equal(t, 2, w.witnessed().Quorum)
}
