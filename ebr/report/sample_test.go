package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"veribatch/audit"
	"veribatch/recipes/formula"
)

// zurich is the zone of the sample plant; fixed, so that the test needs no zone files.
var zurich = time.FixedZone("CET", 3600)

var day = time.Date(2026, 11, 20, 8, 0, 0, 0, zurich)

func at(minutes int) time.Time {
	return day.Add(time.Duration(minutes)*time.Minute + time.Duration(minutes%60)*time.Second)
}

var (
	anna   = Who{"Anna Berg", "anna"}
	boris  = Who{"Boris Ćosić", "boris"}
	quinta = Who{"Quinta Weiß-Müller", "quinta"}
)

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// sample is a batch record with one of everything and the given number of steps, made by hand: layout is tested on it, content on batches that
// were executed in a database.
func sample(steps int) Record {
	r := Record{
		Site: "Veribatch demo plant, Basel", Program: "Veribatch 0.1.0", State: "in execution", GeneratedAt: at(300), GeneratedBy: Person{"0198f0c1-0000-7000-8000-00000000000a", "Anna Berg", "anna", []string{"operator"}},
		Batch: Batch{ID: "0198f0c1-7c1e-7d10-9d0f-3f1a2b3c4d5e", Number: "B-000123", OrderNumber: "PO-4711", Area: "main", Product: "Paracetamol tablets", Strength: "500 mg", Form: "tablet", Size: "200000 tablets"},
		Recipe: Recipe{Code: "PCM-500", Title: "Paracetamol 500 mg tablets, wet granulation", Version: "3", Language: "en", Digest: digestOf("recipe"), Moves: []Act{
			{What: "imported", By: boris, Done: at(-9000), Entered: at(-9000)}, {What: "approved", By: quinta, Done: at(-8000), Entered: at(-8000), Signature: 1}}},
		Materials: []Material{
			{"RM-0001", "Paracetamol Ph. Eur.", "100.000 kg", true}, {"RM-0014", "Maize starch Ph. Eur.", "12.50 kg", false},
			{"RM-0020", "Povidone K 30", "3.20 kg", false}, {"RM-0031", "Purified water", "18.0 L", false},
		},
		Persons: []Person{
			{"0198f0c1-0000-7000-8000-00000000000a", "Anna Berg", "anna", []string{"operator"}},
			{"0198f0c1-0000-7000-8000-00000000000b", "Boris Ćosić", "boris", []string{"operator", "supervisor"}},
			{"0198f0c1-0000-7000-8000-00000000000c", "Quinta Weiß-Müller", "quinta", []string{"quality assurance"}},
		},
	}
	r.Stations = []Station{{"0198f0c1-0000-7000-8000-0000000000b2", "Dispensing booth 2"}}
	r.Batch.Moves = []Act{
		{What: "created", By: boris, Done: at(0), Entered: at(0)}, {What: "issued", By: quinta, Done: at(4), Entered: at(4), Signature: 1},
		{What: "started", By: anna, Done: at(9), Entered: at(9)},
	}
	r.Signatures = []Signature{{1, "0198f0c2-0000-7000-8000-000000000001", "record of batch B-000123", quinta, "issued", "batch.issue", at(4), digestOf("st1"), digestOf("key")[:32]}}
	for n := 1; n <= steps; n += 4 {
		r.addOperation(n, min(n+3, steps))
	}
	r.Holds = []Hold{{Number: 1, Automatic: true, Step: "Step 2, Weigh the starch", By: anna, At: at(21),
		Cause: "Net weight of container 2: 13.20 kg is outside the action limits 12.00 to 13.00 kg.",
		Assessments: []Act{
			{What: "assessed", Role: "supervisor", Reason: "Scale showed the gross weight; container was not tared.", By: boris, Done: at(30), Entered: at(30), Signature: 2},
			{What: "assessed", Role: "quality assurance", Reason: "Agreed. Value corrected after taring, no influence on the product.", By: quinta, Done: at(34), Entered: at(34), Signature: 3},
		},
		Resumed: &Act{What: "resumed", Reason: "Hold assessed by supervisor and QA.", By: boris, Done: at(36), Entered: at(36)}}}
	r.Comments = []Note{{"Relative humidity of the room 45 %, within the usual range. Ω ≤ 5 µg ± 0.5 °C, Überstand klar, прозрачный.", anna, at(12)}}
	for i := range 4*steps + 3 {
		r.Trail = append(r.Trail, sampleEntry(r.Batch.ID, i+1))
	}
	r.Trail[2].Refused, r.Trail[2].Act, r.Trail[2].Reason, r.Trail[2].Changes = true, "step.verify", "You performed this step: another person verifies it.", nil
	return r
}

// addOperation adds steps from..to as one operation, a unit procedure for every second one.
func (r *Record) addOperation(from, to int) {
	op := Operation{ID: fmt.Sprintf("op_%d", from), Title: []string{"Dispensing", "Wet granulation", "Drying", "Sieving"}[from/4%4]}
	for n := from; n <= to; n++ {
		op.Steps = append(op.Steps, sampleStep(n))
	}
	if from/4%2 == 0 {
		r.Units = append(r.Units, Unit{ID: fmt.Sprintf("unit_%d", from), Title: []string{"Dispensing booth 2", "Granulator G-101", "Dryer D-201"}[from/8%3]})
	}
	u := &r.Units[len(r.Units)-1]
	u.Operations = append(u.Operations, op)
}

func sampleStep(n int) Step {
	performed := Act{What: "performed", By: anna, Done: at(12 + n), Entered: at(12 + n)}
	st := Step{Number: n, ID: fmt.Sprintf("step_%d", n), Status: "complete", Title: "Check the booth", Kind: "instruction",
		Text: "Check that the booth is clean, that no material of another batch is present and that the status label is green.", Acts: []Act{performed}}
	switch n % 4 {
	case 2:
		st.Title, st.Kind, st.Critical = "Weigh the starch", "entry", true
		st.Text = "Tare the container on scale W-12, fill in maize starch and record the net weight."
		limits := Value{ID: "net", Title: "Net weight of container 2", Kind: "number", Unit: "kg", Decimals: "2", Alert: "12.40 to 12.60", Action: "12.00 to 13.00"}
		limits.Readings = []Reading{
			{1, howRecorded, "13.20", "13.20", "kg", formula.Action, true, "", false, anna, at(20), at(21)},
			{2, howCorrected, "12.62", "12.62", "kg", formula.Alert, false, "The container had not been tared; read again from the printout of the scale.", false, anna, at(38), at(38)},
		}
		limits.Comments = []Note{{"Slightly above the alert limit after taring; starch of lot L-77 is moist.", anna, at(39)}}
		st.Values = []Value{limits, {ID: "lot", Title: "Lot on the label", Kind: "scan", Expect: "RM-0014", Readings: []Reading{{1, howRecorded, "RM-0014", "RM-0014", "", formula.InLimits, false, "", false, anna, at(22), at(22)}}}}
		voided := performed
		voided.Void = true
		st.Acts = []Act{voided, performed, {What: "verified", By: boris, Done: at(41), Entered: at(41), Signature: 1}}
	case 3:
		st.Title, st.Kind = "Mix", "entry"
		st.Text = "Mix at 120 rpm until the mass is even.\nRecord time, temperature and appearance."
		st.Values = []Value{
			{ID: "t", Title: "Product temperature", Kind: "number", Unit: "°C", Decimals: "1", Action: "≤ 30.0", Readings: []Reading{{1, howRecorded, "22.5", "22.5", "°C", formula.InLimits, false, "Typed after the shift meeting.", true, boris, at(40), at(52)}}},
			{ID: "end", Title: "End of mixing", Kind: "date and time", Readings: []Reading{{1, howRecorded, "2026-11-20 08:50", "2026-11-20 08:50 +01:00", "", formula.None, false, "", false, boris, at(53), at(53)}}},
			{ID: "look", Title: "Appearance", Kind: "choice", Options: []string{"even", "lumps", "dry"}, Expect: "even", Readings: []Reading{{1, howRecorded, "even", "even", "", formula.InLimits, false, "", false, boris, at(54), at(54)}}},
		}
	case 0:
		st.Title, st.Kind, st.Role, st.Meaning, st.Status = "Release the granulate for drying", "sign-off", "supervisor", "reviewed", "open"
		st.Text, st.Acts = "Read the values of this operation and sign.", nil
	}
	return st
}

func sampleEntry(batch string, seq int) audit.Row {
	after := map[string]*string{}
	for name, value := range map[string]string{"id": "0198f0c1-7c1e-7d10-9d0f-" + fmt.Sprintf("%012d", seq), "batch": batch, "ord": fmt.Sprint(seq), "event": "recorded", "step": "step_2",
		"value": "net", "attempt": "1", "raw": "12.62", "reading": "12.62", "amount": "12.62", "unit": "kg", "judgement": "alert", "person": "0198f0c1-0000-7000-8000-00000000000a", "entered_at": "2026-11-20T07:38:38.123456Z"} {
		after[name] = &value
	}
	after["signature"] = nil
	image, _ := json.Marshal(after)
	e := audit.Entry{Version: 1, Stream: audit.Stream("batch/" + batch), Seq: int64(seq), Prev: digestOf(fmt.Sprint(seq - 1)), Time: at(seq).UTC().Add(123456 * time.Microsecond), By: audit.By{Person: "0198f0c1-0000-7000-8000-00000000000a",
		User: "anna", Name: "Anna Berg", Session: "0198f0c1-0000-7000-8000-00000000beef"}, Station: "0198f0c1-0000-7000-8000-0000000000b2", Act: "step.record", Key: "0198f0c1-0000-7000-8000-000000001234",
		Changes: []audit.Change{
			{Table: "ebr.batch_history", ID: *after["id"], Version: 1, Op: "insert", After: image},
			{Table: "ebr.batches", ID: batch, Version: int64(seq), Op: "update", Before: json.RawMessage(`{"version":"` + fmt.Sprint(seq-1) + `"}`), After: json.RawMessage(`{"version":"` + fmt.Sprint(seq) + `","state":"running"}`)},
		}}
	e.Hash, _ = hex.DecodeString(digestOf(fmt.Sprint(seq)))
	return audit.Row{Entry: e}
}
