package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"veribatch/ebr/batch"
	"veribatch/recipes"
)

// openOrder is the order of the last act: with it the demo plant is complete.
const openOrder = "PO-2026-0103"

// makeBatches leaves one order open, one batch half way and one complete.
func (d *demo) makeBatches() error {
	versions, err := d.versions()
	if err != nil {
		return err
	}
	var buffer, tablets recipes.Version
	for _, v := range versions {
		if strings.HasPrefix(v.Code, "BUF") {
			buffer = v
		} else {
			tablets = v
		}
	}
	complete, err := d.order("PO-2026-0101", buffer)
	if err != nil {
		return err
	}
	halfway, err := d.order("PO-2026-0102", tablets)
	if err != nil {
		return err
	}
	err = together(
		func() error { return d.play(complete, d.completeBuffer(complete)) },
		func() error { return d.play(halfway, d.halfwayTablets(halfway)) },
	)
	if err == nil {
		_, err = d.order(openOrder, buffer)
	}
	return err
}

// scene is one act in a batch: who does what, and who signs it when it is not the same person.
type scene struct {
	who, signer string
	cmd         command
}

func (d *demo) order(number string, v recipes.Version) (id string, err error) {
	receipt, err := d.do("order "+number, "sven", "sven", batch.CreateOrder{OrderNumber: number, RecipeVersion: v.ID})
	if err != nil {
		return "", err
	}
	var made batch.Result
	err = json.Unmarshal(receipt.Result, &made)
	return made.Batch, err
}

// play issues and starts a batch, and plays the scenes.
func (d *demo) play(id string, scenes []scene) error {
	for i, s := range append([]scene{{"quinn", "quinn", batch.Issue{Batch: id}}, {"olga", "", batch.Start{Batch: id}}}, scenes...) {
		if s.signer == "" {
			s.signer = s.who
		}
		if _, err := d.do(fmt.Sprintf("scene %d of %s", i, id), s.who, s.signer, s.cmd); err != nil {
			return err
		}
	}
	return nil
}

// record, perform (with the number of readings on the screen) and verify are the acts of Olga at one batch; Omar is her second person.
func record(id, step, value, reading string) scene {
	return scene{who: "olga", cmd: batch.Record{Batch: id, Step: step, Value: value, Raw: reading}}
}

func perform(id, step string, seen int) scene {
	return scene{who: "olga", cmd: batch.Perform{Batch: id, Step: step, Seen: seen}}
}

func verify(id, step string) scene {
	return scene{who: "olga", signer: "omar", cmd: batch.Verify{Batch: id, Step: step}}
}

// completeBuffer is a batch with an alert, a correction, and a hold that was assessed by two persons.
func (d *demo) completeBuffer(id string) []scene {
	filled := d.began().Format("2006-01-02 15:04")
	return []scene{
		perform(id, "010", 0),
		record(id, "020", "clear", "yes"), perform(id, "020", 1),
		record(id, "030", "container", "NAH2PO4"), perform(id, "030", 1), verify(id, "030"),
		record(id, "040", "net", "13.58"), // below the action limit: the batch is held
		{who: "sven", cmd: batch.AssessHold{Batch: id, Reason: "The balance was not tared after the boat was changed; balance W-07 checked with its check weight, in order. The material was weighed again."}},
		{who: "sven", signer: "quinn", cmd: batch.AssessHold{Batch: id, Reason: "Cause found and repeatable; nothing had been added to the vessel. The batch goes on with a second weighing."}},
		{who: "sven", cmd: batch.Resume{Batch: id, Reason: "Hold assessed by production and quality assurance."}},
		{who: "olga", cmd: batch.Record{Batch: id, Step: "040", Value: "net", Raw: "13.85", Reason: "Weighed again after taring the boat.", Seen: 1}},
		perform(id, "040", 2), verify(id, "040"),
		record(id, "050", "net", "56.98"),
		{who: "olga", cmd: batch.Comment{Batch: id, Step: "050", Value: "net", Text: "The last spoonful was a little more than needed; within the action limits.", Seen: 1}},
		perform(id, "050", 1), perform(id, "060", 0),
		record(id, "070", "ph1", "7.39"), record(id, "070", "ph2", "7.41"), record(id, "070", "ph3", "7.44"),
		{who: "olga", cmd: batch.Correct{Batch: id, Step: "070", Value: "ph3", Raw: "7.40", Reason: "Misread; the printout of the pH meter says 7.40.", Seen: 1}},
		perform(id, "070", 4),
		record(id, "080", "appearance", "clear and colourless"), perform(id, "080", 1),
		record(id, "090", "filter", "F-22841"), record(id, "090", "filled", filled), perform(id, "090", 2),
		{who: "sven", cmd: batch.Perform{Batch: id, Step: "100"}},
		{who: "sven", cmd: batch.Complete{Batch: id}},
	}
}

// halfwayTablets stops in the dispensing, with a step that waits for its second value.
func (d *demo) halfwayTablets(id string) []scene {
	return []scene{
		record(id, "010", "clear", "yes"), record(id, "010", "clean", "yes"), record(id, "010", "temp", "21.4"), record(id, "010", "rh", "47"),
		perform(id, "010", 4), verify(id, "010"),
		perform(id, "020", 0),
		record(id, "030", "floor", "20.02"),
		{who: "olga", cmd: batch.Comment{Batch: id, Step: "030", Value: "floor", Text: "20 g above; the scale is within its class (III), maintenance is told.", Seen: 1}},
		record(id, "030", "bench", "5.000"), perform(id, "030", 2),
		record(id, "040", "lot", "P-2611-07"),
		record(id, "040", "drum1", "API-PARA"), record(id, "040", "net1", "25.01"), record(id, "040", "drum2", "API-PARA"), record(id, "040", "net2", "24.99"),
		record(id, "040", "drum3", "API-PARA"), record(id, "040", "net3", "25.00"), record(id, "040", "drum4", "API-PARA"), record(id, "040", "net4", "25.00"),
		record(id, "040", "total", "100.00"), perform(id, "040", 10), verify(id, "040"),
		record(id, "050", "container", "EXC-MAIZE"), record(id, "050", "lot", "M-2609-02"),
	}
}
