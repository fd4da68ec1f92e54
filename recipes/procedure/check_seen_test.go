package procedure

import (
	"strings"
	"testing"
	"time"

	"veribatch/internal/fault"
)

// TestStaleScreens: what somebody recorded or corrected after the screen was drawn is a conflict that says who and when, and nothing is
// overwritten; a signed act is not asked, because its statement shows the readings.
func TestStaleScreens(t *testing.T) {
	newPlant(t).do(full020...).do(act(EventCorrected, "bo", "020.lod", "2.3", why("Typed wrong"))).
		refuse(fault.Conflict, "Loss on drying: 2.3 % was already corrected by Bo at 2026-11-20 08:07:00 +01:00; your screen did not show it",
			act(EventCorrected, "anna", "020.lod", "2.1", why("Typed wrong")), saw(1)).
		refuse(fault.Conflict, "already corrected by Bo", act(EventRecorded, "anna", "020.lod", "2.1", why("Again")), saw(1)).
		refuse(fault.Conflict, "already corrected by Bo", act(EventCommented, "anna", "020.lod", "", why("Probe was cold")), saw(1)).
		refuse(fault.Conflict, "already corrected by Bo", act(EventPerformed, "anna", "020", ""), saw(2)).
		refuse(fault.Conflict, "does not have. Open the step again", act(EventCorrected, "anna", "020.lod", "2.1", why("Typed wrong")), saw(3)).
		do(act(EventCorrected, "anna", "020.lod", "2.1", why("Typed wrong")), act(EventPerformed, "anna", "020", ""))
	p := newPlant(t).do(full030...)
	if _, err := p.try(act(EventPerformed, "anna", "030", ""), saw(0)); err != nil {
		t.Errorf("a signed act: %v", err)
	}
}

// TestTwoReasons: a late entry and a repeated measurement ask for a reason each, and neither stands for the other.
func TestTwoReasons(t *testing.T) {
	weigh := act(EventRecorded, "anna", "020.lod", "2.30")
	p := newPlant(t).do(full020...)
	p.now = p.now.Add(time.Hour)
	p.refuse(fault.Conflict, "was already recorded by Anna", weigh, claimed(time.Minute), late("Network was down"), saw(0)).
		refuse(fault.Conflict, "If you measure again, give the reason", weigh, claimed(10*time.Minute), late("Network was down")).
		refuse(fault.Invalid, "Give the reason why it is late", weigh, claimed(10*time.Minute), why("Probe was cold")).
		refuse(fault.Invalid, "The reason is missing", act(EventCorrected, "anna", "020.lod", "2.30"), late("Network was down")).
		refuse(fault.Invalid, "The reason is missing", act(EventHeld, "anna", "", ""), late("Network was down")).
		refuse(fault.TooLarge, "longer than 4000", weigh, claimed(10*time.Minute), late(strings.Repeat("x", 3000)), why(strings.Repeat("x", 3000)))
	events, err := p.try(weigh, claimed(10*time.Minute), late("Network was down"), why("Probe was cold"))
	if err != nil || events[0].Reason != "Late entry: Network was down\nRepeated measurement: Probe was cold" || !events[0].Late() {
		t.Errorf("%+v, %v", events, err)
	}
	if events, err = newPlant(t).do(at020...).try(weigh, late("Network was down")); err != nil || events[0].Reason != "Network was down" {
		t.Errorf("%+v, %v", events, err)
	}
}
