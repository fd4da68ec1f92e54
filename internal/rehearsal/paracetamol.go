package rehearsal

// crews say who works in a unit procedure; the press has a station and a shift of its own.
var crews = map[string]crew{
	"DISP": {"olga", "omar"}, "GRAN": {"olga", "omar"}, "DRY": {"olga", "omar"}, "BLEND": {"olga", "omar"}, "COMP": {"ines", "omar"},
}

// readings are what the persons read, by step, in the order of the recipe. They belong together: 112.84 kg of granules are 99.2 % of 113.80 kg, four drums
// are their total, and good tablets, samples (0.27 kg), rejects and dust are 99.9 % of the blend.
var readings = map[string]string{
	"010": "yes; yes; 21.4; 44",
	"030": "20.00; 5.000",
	"040": "PA-26-1178; API-PARA; 25.00; API-PARA; 24.99; API-PARA; 24.97; API-PARA; 25.02; 99.98",
	"050": "EXC-MAIZE; MS-26-0331; 6.301",
	"060": "EXC-PREGEL; PG-25-0917; 4.999",
	"070": "EXC-PVP30; PV-26-0054; 2.500",
	"080": "EXC-CCS; CC-26-0112; 3.001",
	"090": "EXC-SILICA; SI-25-2203; 0.600",
	"100": "EXC-MGST; MG-26-0008; 0.600",
	"110": "10; yes",

	"130": "yes; yes; 21.8; 42",
	"140": "HSG-400-01; FBD-120-01; MILL-02",
	"150": "1.00; intact; intact",
	"160": "22.02; EXC-PVP30; 22; clear",
	"170": "150; 5.0",
	"180": "now; 6.2; 1500; 16.4; now",
	"190": "8.0; intact; intact",
	"200": "now; 60; 2010; 41.2; now",
	"210": "1.58; 2.08; 1.49",
	"220": "1.50; intact; intact; 1000",
	"230": "G-1, G-2, G-3; 112.48; 99.2",

	"250": "yes; yes",
	"260": "BIN-400-03; 112.84",
	"270": "EXC-CCS; EXC-SILICA; 0.50; 10; 15.0",
	"280": "EXC-MGST; 3.0",
	"290": "10; 1.58",
	"300": "B-1, B-2; 116.80; 99.0",

	"320": "yes; yes; 21.2; 41",
	"330": "PRESS-37-02; PUN-125-R-04; yes; BLEND-PARA",
	"340": "45; 3.0; 15.2; 9.95",
	"350": "yes; yes; yes",
	"360": "now; white, edges whole",
	"370": "588.4; 592.1; 590.7; 586.9; 594.3; 589.5; 571.8; 591.2; 587.6; 593.0",
	"380": "11.80; 98; 124; 4.74; 4.86",
	"390": "4.5; 6.49; 6.47; 0.31; all whole",
	"410": "590.2; 588.8; 593.6; 591.4; 587.1; 589.9; 592.8; 590.5; 586.3; 591.7",
	"420": "11.81; 101; 122; 4.75; 4.85",
	"430": "589.3; 591.9; 587.7; 590.8; 594.0; 588.1; 590.4; 592.5; 589.6; 586.8",
	"440": "11.79; 97; 121; 4.74; 4.85",
	"450": "4.8; 6.50; 6.47; 0.46; all whole",
	"460": "now; 197203",
	"470": "yes; yes; yes",
	"480": "300; yes",
	"490": "T-1 to T-6; 115.46; 195695; 97.8",
	"500": "0.62; 0.31; 99.9",
	"510": "yes; yes",
}

// incidents are what does not go as it should, and what is said about it, by the place at which it happens.
var incidents = map[string]func(*plan){
	"040 after net3": func(p *plan) {
		p.comment("net3", "A crust of powder stayed in the scoop; the fourth drum makes up for it, the total decides.")
	},
	"050 before container": func(p *plan) { // the wrong container stands nearer
		a := p.act("step.record", "container", "EXC-PREGEL", "")
		a.Refused = true
		p.add(a)
	},
	"070 before verified": func(p *plan) { p.verify("olga", true) }, // own work
	"180 after power": func(p *plan) {
		p.comment("power", "End point reached a little late; the wet mass holds together by hand and does not stick.")
	},
	"210 after middle": func(p *plan) {
		const why = "Dried for another eight minutes as assessed."
		p.hold("The bowl was still moist in the middle: the dryer stopped at the product temperature of the edge. Dry for another eight minutes and measure all three places again.",
			"Cause found, drying may be repeated within the validated time of 90 minutes. The batch may go on with new measurements.",
			"Assessed by production and quality")
		p.record("top", "1.41", why)
		p.record("middle", "1.52", why)
	},
	"240 before": func(p *plan) { // found at the review of the step before, which is open again then
		was := p.step
		p.step = p.before
		p.correct("mass", "112.84", "Digits swapped when typing; the printout of the scale says 112.84 kg, from which the yield was calculated.")
		p.finish(nil)
		p.step = was
	},
	"370 after w07": func(p *plan) {
		p.comment("w07", "The feed frame was not full in the first turns; the three tablets after it are within the limits.")
	},
	"410 before": func(p *plan) { p.comment("", "Counter of the press: 99,480 tablets.") },
	"460 after": func(p *plan) {
		p.add(Act{Word: "step.comment", At: p.crew.first, Text: "Press emptied and shift handed over at the end of the run."})
	},
}
