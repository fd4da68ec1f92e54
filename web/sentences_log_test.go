package web_test

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"veribatch/audit"
	"veribatch/audit/bundle"
	"veribatch/audit/checkpoint"
	"veribatch/audit/checkpoint/keeper"
	"veribatch/audit/merkle"
	"veribatch/audit/witness"
	"veribatch/signatures"
	"veribatch/signatures/keyring"
)

const (
	changeEntry = `update audit.entries e set body = n.body, hash = sha256(n.body) from (select seq, convert_to(replace(convert_from(body, 'UTF8'), '"reason":"', '"reason":"As agreed. '), 'UTF8') as body
		from audit.entries where stream = @stream order by seq desc limit 1) n where e.stream = @stream and e.seq = n.seq`
	followEntry = `update audit.heads h set hash = e.hash from audit.entries e where e.stream = h.stream and e.seq = h.seq and e.hash <> h.hash`
)

// loggings is what scripts say about the log over all streams and its signer. The way to a signer in another process is tested with the program (cmd/ebr).
var loggings = []sentence{
	on(setting, `the signer signs the log`, func(s *script, _ []string) { require.NoError(s.t, s.signLog("signer")) }),
	on(setting, `another signer is asked`, func(s *script, _ []string) { require.Error(s.t, s.signLog("another")) }),
	on(setting, `another signer is asked again`, func(s *script, _ []string) { require.NoError(s.t, s.signLog("another")) }),
	on(setting, `the clock of the server is an hour ahead`, func(s *script, _ []string) {
		s.Trail.Clock = func() time.Time { return time.Now().Add(time.Hour) }
	}),
	on(setting, `the clock of the server is right`, func(s *script, _ []string) { s.Trail.Clock = nil }),
	on(setting, `a witness is asked that is away`, func(s *script, _ []string) { s.askWitness("http://127.0.0.1:1") }),
	on(setting, `no witness is asked`, func(s *script, _ []string) { s.askWitness() }),
	on(setting, `the witness has been away for 6 minutes`, func(s *script, _ []string) {
		s.administer("audit.checkpoints", `update audit.checkpoints set at = at - interval '6 minutes 30 seconds'`, nil)
		s.administer("audit.witness_state", `update audit.witness_state set added_at = added_at - interval '6 minutes 30 seconds'`, nil)
	}),
	on(setting, `the witness has seen another log`, func(s *script, _ []string) {
		s.administer("audit.witness_state", `update audit.witness_state set refused = true`, nil)
	}),
	on(fact, `the signer refuses the log`, func(s *script, _ []string) {
		var no *checkpoint.Refusal
		require.ErrorAs(s.t, s.signLog("signer"), &no)
	}),
	on(setting, `a database administrator changes the newest entry of the batch and computes its chain anew`, func(s *script, _ []string) {
		s.administer("audit.entries", changeEntry, pgx.NamedArgs{"stream": "batch/" + strings.TrimPrefix(s.batch, "/batches/")})
		s.administer("audit.heads", followEntry, nil)
	}),
	on(setting, `a database administrator computes the log anew`, func(s *script, _ []string) {
		for _, table := range []string{"audit.log_leaves", "audit.log_tiles", "audit.log_streams"} {
			s.administer(table, "delete from "+table, nil)
		}
		s.administer("audit.log_head", `update audit.log_head set size = 0, root = sha256(''), heads_at = null`, nil)
		s.administer("audit.log_queue", `insert into audit.log_queue (stream, seq, hash, at) select stream, seq, hash, at from audit.entries on conflict do nothing`, nil)
	}),
	on(act, `SHE opens the log`, func(s *script, _ []string) { s.now.open("/log") }),
	on(act, `SHE opens the exports`, func(s *script, _ []string) { s.now.open(s.batch + "/exports") }),
	on(act, `SHE exports the batch`, func(s *script, _ []string) { s.now.open(s.batch + "/exports"); s.now.send("export", nil) }),
	on(act, `SHE downloads the export`, func(s *script, _ []string) {
		s.now.open(s.batch + "/exports")
		require.Contains(s.t, s.now.at.links["Download"], "/exports/")
		s.now.open(s.now.at.links["Download"])
	}),
	on(fact, `the bundle is intact`, func(s *script, _ []string) { s.judge([]byte(s.now.at.raw), "intact ") }),
	on(fact, `the bundle is altered when a byte of it is another`, func(s *script, _ []string) {
		file := []byte(s.now.at.raw)
		file[len(file)/2] ^= 1
		s.judge(file, "altered container")
	}),
	on(act, `(\w+) has the log continued because TEXT`, func(s *script, a []string) {
		s.sign("continue", map[string]string{"reason": a[1]}, s.people[a[0]], nil)
	}),
}

// judge has a bundle verified with the keys of the plant.
func (s *script) judge(file []byte, verdict string) {
	s.t.Helper()
	var keys bundle.Keys
	require.NoError(s.t, s.Trail.Read(s.Ctx, func(q *audit.Reader) (err error) {
		keys, err = signatures.BundleKeys(s.Ctx, q, s.Desk.Key.ID())
		return err
	}))
	v := bundle.Verify(file, &keys)
	require.Equal(s.t, verdict, string(v.Word)+" "+string(v.Reason), v.Detail)
}

// askWitness has the witnesses at these addresses asked once, and no other from now on.
func (s *script) askWitness(urls ...string) {
	s.t.Helper()
	w := &keeper.Witnesses{Trail: s.Trail, Quorum: len(urls)}
	for _, url := range urls {
		c, err := witness.NewClient(checkpoint.VerifierKey("qa.example/witness", s.Desk.Key.Public())+" "+url, nil)
		require.NoError(s.t, err)
		w.Clients = append(w.Clients, c)
	}
	require.NoError(s.t, w.Enlist(s.Ctx, 0))
	require.NoError(s.t, w.Round(s.Ctx))
}

// signLog has the log brought up to date and a signer asked, whose folder has this name.
func (s *script) signLog(folder string) error {
	s.t.Helper()
	signer, err := checkpoint.Open(filepath.Join(s.Keys, folder), func(f string) (checkpoint.Key, error) { return keyring.OpenCheckpoint(f) }, time.Now)
	require.NoError(s.t, err)
	defer func() { _ = signer.Close() }()
	public, err := signer.Key(s.Ctx)
	require.NoError(s.t, err)
	require.NoError(s.t, signatures.FirstCheckpointKey(s.Ctx, s.Trail, s.Desk.Key, public))
	require.NoError(s.t, (&merkle.Sequencer{Trail: s.Trail}).AppendHeads(s.Ctx))
	return (&keeper.Keeper{Trail: s.Trail, Signer: signer, Evidence: signatures.EpochEvidence, Clock: time.Now}).Round(s.Ctx)
}
