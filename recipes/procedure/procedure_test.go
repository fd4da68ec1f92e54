package procedure

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"veribatch/internal/fault"
	"veribatch/recipes/formula"
)

// TestEveryStateAndEvent tries every kind of event in every state of a batch. The table is the rule as people write it down; for each
// state several histories are tried, because a running batch is in one place at a time: "yes" means one of them allows the act.
func TestEveryStateAndEvent(t *testing.T) {
	const table = `
               ordered idle running held complete aborted
created        yes     no   no      no   no       no
issued         yes     no   no      no   no       no
started        no      yes  no      no   no       no
recorded       no      no   yes     no   no       no
corrected      no      no   yes     yes  no       no
commented      yes     yes  yes     yes  no       no
performed      no      no   yes     no   no       no
verified       no      no   yes     no   no       no
held           no      no   yes     no   no       no
hold_assessed  no      no   no      yes  no       no
resumed        no      no   no      yes  no       no
aborted        yes     yes  yes     yes  no       no
completed      no      no   yes     no   no       no`
	places := map[string][][]Event{
		"ordered": {{}, issued[:1]}, "idle": {issued}, "running": {started, at020, full020, at030, full030, done030, at040, full050, allDone},
		"held": {held, outside}, "complete": {closed}, "aborted": {aborted},
	}
	tries := map[EventKind][]Event{
		EventCreated: {act(EventCreated, "olga", "", "")}, EventIssued: {act(EventIssued, "quinn", "", "")}, EventStarted: {act(EventStarted, "anna", "", "")},
		EventRecorded:  {act(EventRecorded, "anna", "020.lod", "2.2"), act(EventRecorded, "anna", "050.colour", "white")},
		EventCorrected: {act(EventCorrected, "anna", "020.lod", "2.3", why("Typed wrong"))}, EventCommented: {act(EventCommented, "anna", "", "", why("Note"))},
		EventPerformed: {act(EventPerformed, "anna", "010", ""), act(EventPerformed, "anna", "020", "")}, EventVerified: {act(EventVerified, "bo", "030", "")},
		EventHeld: {act(EventHeld, "sue", "", "", why("Power cut"))}, EventHoldAssessed: {act(EventHoldAssessed, "sue", "", "", why("No effect"), as(Supervisor))},
		EventResumed: {act(EventResumed, "sue", "", "", why("Power is back"))}, EventAborted: {act(EventAborted, "sue", "", "", why("Leak"))},
		EventCompleted: {act(EventCompleted, "sue", "", "")},
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	states := strings.Fields(lines[0])
	if len(lines)-1 != len(tries) || len(states) != len(places) {
		t.Fatal("the table does not name every state and event")
	}
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, state := range states {
			if allowed := anywhere(t, state, places[state], tries[EventKind(cells[0])]); allowed != cells[i+1] {
				t.Errorf("%s in %s: %s, want %s", cells[0], state, allowed, cells[i+1])
			}
		}
	}
}

// anywhere tells whether one of the commands is allowed after one of the histories, which all end in the state.
func anywhere(t *testing.T, state string, histories [][]Event, commands []Event) string {
	allowed := "no"
	for _, history := range histories {
		for _, e := range commands {
			p := newPlant(t).do(history...)
			if string(p.state.Batch) != state {
				t.Fatalf("the history for %s ends %s", state, p.state.Batch)
			}
			if _, err := p.try(e); err == nil {
				allowed = "yes"
			} else if fault.KindOf(err) == fault.Internal {
				t.Errorf("%s in %s: %v", e.Kind, state, err)
			}
		}
	}
	return allowed
}

func TestWholeBatch(t *testing.T) {
	p := newPlant(t).status("ordered, 010 waiting, 020 waiting, 030 waiting, 040 waiting, 050 waiting")
	p.do(issued...).status("idle, 010 waiting, 020 waiting, 030 waiting, 040 waiting, 050 waiting")
	p.do(started[2:]...).status("running, 010 open, 020 waiting, 030 waiting, 040 waiting, 050 waiting")
	p.do(done030[3:]...).status("running, 010 complete, 020 complete, 030 awaiting verification, 040 waiting, 050 waiting")
	p.do(closed[11:]...).status("complete, 010 complete, 020 complete, 030 complete, 040 complete, 050 complete")
	if done, all := p.state.Progress(); done != 5 || all != 5 {
		t.Errorf("progress %d of %d", done, all)
	}
	folded, err := Fold(small(), p.state.History)
	if err != nil || !reflect.DeepEqual(folded, p.state) {
		t.Errorf("folding the history gives another state: %v", err)
	}
}

func TestOrderOfSteps(t *testing.T) {
	newPlant(t).do(at020...).
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventRecorded, "anna", "030.lot", "LOT-1")).
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventPerformed, "sue", "040", "", as(Supervisor))).
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventVerified, "bo", "030", "")).
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventCorrected, "anna", "030.lot", "LOT-1", why("Wrong"))).
		refuse(fault.NotReady, "Record Loss on drying first", act(EventRecorded, "anna", "020.look", "white")).
		refuse(fault.NotReady, "Loss on drying is not recorded; Appearance is not recorded", act(EventPerformed, "anna", "020", "")).
		refuse(fault.NotReady, `Step 020 "Weigh" is open`, act(EventCompleted, "sue", "", "")).
		refuse(fault.NotReady, "Nothing is recorded there yet", act(EventCorrected, "anna", "020.lod", "2.2", why("Wrong"))).
		refuse(fault.NotReady, "needs no second person", act(EventVerified, "bo", "010", "")).
		refuse(fault.Missing, `no step "999"`, act(EventPerformed, "anna", "999", "")).
		refuse(fault.Missing, `no value "x"`, act(EventRecorded, "anna", "020.x", "1")).
		refuse(fault.Missing, "takes no value here", act(EventRecorded, "anna", "020", "1")).
		refuse(fault.Missing, "step is missing", act(EventRecorded, "anna", "", "1")).
		refuse(fault.Missing, "has no step", act(EventRecorded, "anna", ".lod", "1"))
	newPlant(t).do(issued...).refuse(fault.NotReady, "The batch is idle. Start the batch first.", act(EventPerformed, "anna", "010", ""))
	newPlant(t).do(held...).refuse(fault.NotReady, "The batch is held. Assess the hold", act(EventPerformed, "anna", "020", ""))
	newPlant(t).do(full030...).refuse(fault.NotReady, "not performed yet", act(EventVerified, "bo", "030", ""))
	newPlant(t).do(allDone...).refuse(fault.Conflict, "was already performed by Anna", act(EventRecorded, "anna", "050.colour", "white"))
}

// TestTwoAtOnce: the second of two persons learns who was first and when.
func TestTwoAtOnce(t *testing.T) {
	const first = "at 2026-11-20 08:03:00 +01:00."
	newPlant(t).do(issued...).refuse(fault.Conflict, "already created by Olga at 2026-11-20 08:01:00 +01:00", act(EventCreated, "eve", "", ""))
	newPlant(t).do(started...).refuse(fault.Conflict, "already issued by Quinn at 2026-11-20 08:02:00 +01:00", act(EventIssued, "bo", "", "")).
		refuse(fault.Conflict, "already started by Anna "+first, act(EventStarted, "bo", "", ""))
	newPlant(t).do(full020...).refuse(fault.Conflict, "Loss on drying: 2.20 % was already recorded by Anna at 2026-11-20 08:05:00 +01:00", act(EventRecorded, "bo", "020.lod", "2.30")).
		refuse(fault.Conflict, "Step 010 was already performed by Anna at 2026-11-20 08:04:00 +01:00", act(EventPerformed, "bo", "010", ""))
	newPlant(t).do(done030...).refuse(fault.Conflict, "Step 030 was already performed by Anna at 2026-11-20 08:11:00 +01:00", act(EventPerformed, "bo", "030", "")).
		refuse(fault.Conflict, "already performed by Anna", act(EventRecorded, "bo", "030.mass", "10.1"))
	newPlant(t).do(at040...).refuse(fault.Conflict, "Step 030 was already verified by Bo at 2026-11-20 08:12:00 +01:00", act(EventVerified, "cy", "030", ""))
	newPlant(t).do(held...).refuse(fault.Conflict, "already held by Sue", act(EventHeld, "bo", "", "", why("Fire")))
	newPlant(t).do(closed...).refuse(fault.Conflict, "already completed by Sue", act(EventCompleted, "bo", "", ""))
	newPlant(t).do(aborted...).refuse(fault.Conflict, "already aborted by Sue", act(EventAborted, "bo", "", "", why("Leak")))
	p := newPlant(t).do(held...).do(act(EventResumed, "sue", "", "", why("Power is back")))
	p.refuse(fault.Conflict, "already resumed by Sue", act(EventResumed, "bo", "", "", why("Power is back")))
}

func TestSecondPerson(t *testing.T) {
	newPlant(t).do(full030...).do(act(EventPerformed, "cy", "030", "")).
		refuse(fault.Refused, "yourself", act(EventVerified, "cy", "030", "")).
		refuse(fault.Refused, "yourself", act(EventVerified, "anna", "030", "")). // recorded only
		do(act(EventVerified, "bo", "030", "")).
		refuse(fault.Refused, "You verified step 030 before", act(EventCorrected, "bo", "030.mass", "10.1", why("Typed wrong")))
	p := newPlant(t).do(at040...).do(act(EventCorrected, "dan", "030.mass", "10.1", why("Typed wrong"))).
		status("running, 010 complete, 020 complete, 030 open, 040 waiting, 050 waiting").
		refuse(fault.NotReady, `Step 030 "Charge" comes first`, act(EventPerformed, "sue", "040", "", as(Supervisor))).
		refuse(fault.Refused, "You verified step 030 before", act(EventPerformed, "bo", "030", "")).
		refuse(fault.Refused, "You verified step 030 before", act(EventRecorded, "bo", "030.mass", "10.2", why("Again"))).
		do(act(EventPerformed, "anna", "030", "")).
		refuse(fault.Refused, "yourself", act(EventVerified, "dan", "030", "")). // corrected only
		do(act(EventVerified, "bo", "030", "")).
		status("running, 010 complete, 020 complete, 030 complete, 040 open, 050 waiting")
	st := p.state.Step("030")
	if len(st.Performances) != 2 || len(st.Verifications) != 2 {
		t.Errorf("signatures given before the correction are gone: %d, %d", len(st.Performances), len(st.Verifications))
	}
}

func TestCorrection(t *testing.T) {
	p := newPlant(t).do(at050...).
		refuse(fault.Invalid, "Loss on drying is missing", act(EventCorrected, "anna", "020.lod", "", why("Typed wrong"))).
		do(act(EventCorrected, "dan", "020.lod", "2.45", why("Typed wrong"))).
		status("running, 010 complete, 020 open, 030 complete, 040 complete, 050 waiting").
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventRecorded, "anna", "050.end", "2026-11-20 08:05")).
		refuse(fault.NotReady, `Step 020 "Weigh" comes first`, act(EventCorrected, "anna", "030.mass", "10.1", why("Typed wrong"))).
		refuse(fault.NotReady, "the comment on Loss on drying is missing", act(EventPerformed, "anna", "020", "")).
		do(act(EventCommented, "anna", "020.lod", "", why("Checked twice")), act(EventPerformed, "anna", "020", "")).
		status("running, 010 complete, 020 complete, 030 complete, 040 complete, 050 open")
	a := p.state.Step("020").Value("lod").Attempts
	if len(a) != 2 || a[0].Reading != "2.20" || a[0].CorrectedBy == nil || a[0].CorrectedBy.Reason != "Typed wrong" || a[1].Supersedes != a[0].ID || a[1].CorrectedBy != nil {
		t.Errorf("attempts: %+v", a)
	}
}

func TestSignOff(t *testing.T) {
	newPlant(t).do(at040...).
		refuse(fault.Forbidden, "signed by the role supervisor", act(EventPerformed, "anna", "040", "")).
		refuse(fault.Forbidden, "signed by the role supervisor", act(EventPerformed, "anna", "040", "", as(QA))).
		do(act(EventPerformed, "sue", "040", "", as(Supervisor)))
}

func TestAlertAsksForComment(t *testing.T) {
	p := newPlant(t).do(at020...).do(act(EventRecorded, "anna", "020.lod", "2.41"), act(EventRecorded, "anna", "020.look", "white"))
	if st := p.state.Step("020"); st.Value("lod").Current().Judgement != formula.Alert || !st.Value("lod").NeedsComment() || p.state.Batch != Running {
		t.Fatal("2.41 should be an alert")
	}
	p.refuse(fault.NotReady, "the comment on Loss on drying is missing (2.41 % is outside the alert limits 2.0 to 2.4)", act(EventPerformed, "anna", "020", "")).
		do(act(EventCommented, "anna", "020", "", why("On the step"))).
		refuse(fault.NotReady, "the comment on Loss on drying is missing", act(EventPerformed, "anna", "020", "")).
		do(act(EventCommented, "anna", "020.look", "", why("On another value"))).
		refuse(fault.NotReady, "the comment on Loss on drying is missing", act(EventPerformed, "anna", "020", "")).
		refuse(fault.Invalid, "The comment is empty", act(EventCommented, "anna", "020.lod", "", why("  "))).
		refuse(fault.NotReady, "2.41 % is outside the alert limits 2.0 to 2.4. Say why in a comment", act(EventRecorded, "anna", "020.lod", "2.2", why("Repeated"))).
		do(act(EventCommented, "anna", "020.lod", "", why("Probe was cold"))).
		do(act(EventRecorded, "anna", "020.lod", "1.95", why("Repeated with a warm probe"))).
		refuse(fault.NotReady, "the comment on Loss on drying is missing", act(EventPerformed, "anna", "020", "")). // the comment was on the first reading
		do(act(EventCommented, "anna", "020.lod", "", why("Still outside")), act(EventPerformed, "anna", "020", ""))
	if a := p.state.Step("020").Value("lod").Attempts; len(a) != 2 || a[0].Reading != "2.41" || a[0].CorrectedBy != nil || a[1].Attempt != 2 {
		t.Errorf("attempts: %+v", a)
	}
}

func TestActionHolds(t *testing.T) {
	p := newPlant(t).do(outside...).status("held, 010 complete, 020 open, 030 waiting, 040 waiting, 050 waiting")
	h := p.state.Holds[0]
	if !h.Caused() || h.Event.Step != "020" || h.Event.Value != "lod" || h.Event.Reason != "Loss on drying: 2.61 % is outside the action limits 1.8 to 2.6." {
		t.Fatalf("hold: %+v", h.Event)
	}
	resume := act(EventResumed, "sue", "", "", why("Assessed"))
	supervisor := act(EventHoldAssessed, "sue", "", "", why("No effect on quality"), as(Supervisor))
	qa := act(EventHoldAssessed, "quinn", "", "", why("Agreed, deviation 12"), as(QA))
	p.refuse(fault.NotReady, "still missing: a supervisor and QA", resume).
		refuse(fault.Invalid, "The reason is missing", act(EventHoldAssessed, "sue", "", "", as(Supervisor))).
		refuse(fault.Forbidden, "by a supervisor and by QA", act(EventHoldAssessed, "anna", "", "", why("Fine"), as("operator"))).
		refuse(fault.Forbidden, "by a supervisor and by QA", act(EventHoldAssessed, "anna", "", "", why("Fine"))).
		do(supervisor).
		refuse(fault.NotReady, "still missing: QA.", resume).
		refuse(fault.Refused, "You assessed this hold at", act(EventHoldAssessed, "sue", "", "", why("Me again"), as(QA))).
		refuse(fault.Conflict, "already assessed by Sue", act(EventHoldAssessed, "sam", "", "", why("Me too"), as(Supervisor))).
		do(act(EventCorrected, "anna", "020.lod", "1.79", why("Typed wrong"))). // one more cause
		do(qa).
		refuse(fault.NotReady, "1.79 % is outside the action limits 1.8 to 2.6. It can go on when the hold was assessed and signed; still missing: a supervisor", resume).
		do(supervisor).
		refuse(fault.Conflict, "already assessed", supervisor).
		refuse(fault.Invalid, "The reason is missing", act(EventResumed, "sue", "", "")).
		do(resume).status("running, 010 complete, 020 open, 030 waiting, 040 waiting, 050 waiting")
	if len(p.state.Holds) != 2 || len(p.state.OpenHolds()) != 0 || len(p.state.Holds[0].Assessments) != 2 || p.state.Holds[1].Resumed == nil {
		t.Errorf("holds: %+v", p.state.Holds)
	}
	if a := p.state.Step("020").Value("lod").Attempts; a[0].CorrectedBy == nil || a[1].Supersedes != a[0].ID {
		t.Errorf("the corrected reading is not struck through: %+v", a)
	}
	p = newPlant(t).do(held...).refuse(fault.NotReady, "there is nothing to assess", supervisor)
	p.do(act(EventResumed, "sue", "", "", why("Power is back"))).status("running, 010 complete, 020 open, 030 waiting, 040 waiting, 050 waiting")
}

// TestNobodyAssessesOwnReading: who made the reading, or worked in its step in any way, is no judge of it, whatever the role.
func TestNobodyAssessesOwnReading(t *testing.T) {
	assess := func(person, role string) Event {
		return act(EventHoldAssessed, person, "", "", why("No effect on quality"), as(role))
	}
	p := newPlant(t).do(at020...).do(act(EventRecorded, "cy", "020.lod", "2.20"), act(EventRecorded, "sue", "020.lod", "2.61", why("Repeated"))).
		refuse(fault.Refused, "You worked in step 020 yourself. Another person has to assess its hold.", assess("sue", Supervisor)).
		refuse(fault.Refused, "You worked in step 020 yourself", assess("cy", QA)).
		do(assess("sam", Supervisor), assess("quinn", QA), act(EventResumed, "sue", "", "", why("Assessed")))
	if len(p.state.Holds[0].Assessments) != 2 {
		t.Errorf("holds: %+v", p.state.Holds)
	}
	for _, kind := range newPlant(t).do(at020...).do(act(EventRecorded, "sue", "020.lod", "2.61")).state.Acts("", "sue") {
		if kind == EventHoldAssessed {
			t.Error("the assessment is offered to who made the reading")
		}
	}
	p = newPlant(t).do(full030[:8]...).do(act(EventRecorded, "sue", "030.mass", "10.6")). // one hold in 030 by Sue, one in 020 by Dan
												do(act(EventCorrected, "dan", "020.lod", "2.61", why("Typed wrong"))).
												do(assess("sue", Supervisor))
	if h := p.state.Holds; len(h[0].Assessments) != 0 || len(h[1].Assessments) != 1 {
		t.Errorf("an assessment counts for the holds of other steps alone: %+v", h)
	}
}

func TestUnexpectedAnswerHolds(t *testing.T) {
	p := newPlant(t).do(full030[:9]...).do(act(EventRecorded, "anna", "030.clear", "no"))
	if r := p.state.Holds[0].Event.Reason; p.state.Batch != Held || r != "Is the line clear?: the answer is no, the recipe expects yes." {
		t.Errorf("%s, %s", p.state.Batch, r)
	}
}

func TestWrongScan(t *testing.T) {
	p := newPlant(t).do(at030...).
		refuse(fault.Refused, `the label reads "LOT-2", this step needs "LOT-1". Nothing was recorded.`, act(EventRecorded, "anna", "030.lot", "LOT-2")).
		refuse(fault.Refused, "Wrong code", act(EventRecorded, "anna", "030.lot", "lot-1"))
	if p.state.Step("030").Value("lot").Current() != nil {
		t.Error("a wrong scan was recorded")
	}
}

func TestTwoClocks(t *testing.T) {
	weigh := act(EventRecorded, "anna", "020.lod", "2.2")
	p := newPlant(t).do(at020...)
	p.now = p.now.Add(time.Hour)
	p.refuse(fault.Invalid, "in the future", weigh, claimed(-61*time.Second)).
		refuse(fault.Invalid, "before the start of the batch at 2026-11-20 08:03:00 +01:00", weigh, claimed(2*time.Hour)).
		refuse(fault.Invalid, "more than 5 minutes after the act", weigh, claimed(5*time.Minute+time.Second)).
		refuse(fault.Internal, "no other time can be claimed", act(EventCommented, "anna", "", "", why("x")), claimed(time.Minute))
	for _, c := range []struct {
		ago  time.Duration
		late bool
	}{{0, false}, {-time.Minute, false}, {5 * time.Minute, false}, {5*time.Minute + time.Second, true}, {time.Hour, true}} {
		q := newPlant(t).do(at020...)
		q.now = q.now.Add(time.Hour)
		events, err := q.try(weigh, claimed(c.ago), late("Network was down"))
		if err != nil || events[0].Late() != c.late {
			t.Errorf("%v ago: late %v, %v", c.ago, events[0].Late(), err)
		}
	}
	// People claim minutes: an act in the very minute of the start is not before it.
	q := newPlant(t)
	q.now = q.now.Add(30 * time.Second)
	q.do(at020...)
	if _, err := q.try(weigh, func(e *Event) { e.PerformedAt = q.state.Started.Truncate(time.Minute) }); err != nil {
		t.Error(err)
	}
}

func TestAlwaysWithReason(t *testing.T) {
	for _, e := range []Event{act(EventHeld, "sue", "", ""), act(EventAborted, "sue", "", "", why(" \n ")), act(EventCorrected, "anna", "020.lod", "2.3")} {
		newPlant(t).do(full020...).refuse(fault.Invalid, "The reason is missing", e)
	}
	newPlant(t).do(full020...).refuse(fault.Invalid, "U+1F600", act(EventHeld, "sue", "", "", why("fire \U0001F600"))).
		refuse(fault.TooLarge, "longer than 4000", act(EventCommented, "sue", "", "", why(strings.Repeat("x", 4001))))
}

func TestActs(t *testing.T) {
	for _, c := range []struct {
		history      []Event
		step, person string
		want         string
	}{
		{issued[:1], "", "", "issued aborted commented"}, {issued, "", "", "started aborted commented"}, {started, "", "", "held aborted commented"},
		{held, "", "", "resumed aborted commented"}, {outside, "", "", "hold_assessed aborted commented"}, {allDone, "", "", "held aborted completed commented"}, {closed, "", "", ""},
		{at020, "020", "", "recorded commented"}, {full020, "020", "", "recorded corrected performed commented"}, {full020, "030", "", "commented"},
		{done030, "030", "anna", "corrected commented"}, {done030, "030", "bo", "corrected verified commented"}, {at040, "030", "bo", "commented"}, {at040, "030", "anna", "corrected commented"},
		{outside, "020", "", "corrected commented"}, {at020, "999", "", ""},
	} {
		var words []string
		for _, k := range newPlant(t).do(c.history...).state.Acts(c.step, c.person) {
			words = append(words, string(k))
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("after %d events, step %q, %q: got %q, want %q", len(c.history), c.step, c.person, got, c.want)
		}
	}
}

// TestFoldRefuses: a history that the recipe does not allow is found, wherever the record was bent.
func TestFoldRefuses(t *testing.T) {
	good := newPlant(t).do(outside...).state.History
	find := func(kind EventKind) int {
		for i, e := range good {
			if e.Kind == kind {
				return i
			}
		}
		t.Fatalf("no %s", kind)
		return 0
	}
	recorded := find(EventRecorded)
	for name, bend := range map[string]func(h []Event) []Event{
		"order swapped":       func(h []Event) []Event { h[1], h[2] = h[2], h[1]; return h },
		"first event missing": func(h []Event) []Event { return h[2:] },
		"hold missing":        func(h []Event) []Event { return h[:find(EventHeld)] },
		"hold elsewhere":      func(h []Event) []Event { h[find(EventHeld)].Value = "look"; return h },
		"hold without cause":  func(h []Event) []Event { return append(h[:recorded], h[find(EventHeld)]) },
		"judged too mildly":   func(h []Event) []Event { h[recorded].Judgement = formula.Alert; return h[:recorded+1] },
		"another amount":      func(h []Event) []Event { d := formula.MustNumber("2.2"); h[recorded].Amount = &d; return h },
		"another reading":     func(h []Event) []Event { h[recorded].Reading = "2.2"; return h },
		"another unit":        func(h []Event) []Event { h[recorded].Unit = "kg"; return h },
		"no amount":           func(h []Event) []Event { h[recorded].Amount = nil; return h },
		"attempt left out":    func(h []Event) []Event { h[recorded].Attempt = 2; return h },
		"late, not said why": func(h []Event) []Event {
			h[recorded].PerformedAt = h[recorded].EnteredAt
			h[recorded].EnteredAt = h[recorded].EnteredAt.Add(time.Hour)
			return h
		},
		"nobody":       func(h []Event) []Event { h[recorded].Person = ""; return h },
		"no time":      func(h []Event) []Event { h[0].EnteredAt = time.Time{}; return h },
		"another step": func(h []Event) []Event { h[recorded].Step = "050"; return h },
		"unknown kind": func(h []Event) []Event { h[recorded].Kind = "invented"; return h },
	} {
		if _, err := Fold(small(), bend(append([]Event(nil), good...))); err == nil {
			t.Errorf("%s: folded without an error", name)
		}
	}
	if _, err := Fold(small(), good); err != nil {
		t.Error(err)
	}
	h := newPlant(t).do(full020...).do(act(EventCorrected, "anna", "020.lod", "2.3", why("Typed wrong"))).state.History
	h[len(h)-1].Supersedes = "e1"
	if _, err := Fold(small(), h); err == nil {
		t.Error("a correction of another event folded")
	}
}
