// Package library owns the recipe texts that are shipped with the program: one for tours and tests, one that shows a real process.
// It does not make them effective; people import, review and approve them like any other recipe (the demo plant does so by its people).
// Start reading at All, or in the texts themselves.
package library

import "embed"

//go:embed *.recipe
var files embed.FS

// Names of the shipped recipes.
const (
	BufferTour     = "buffer-tour.recipe"     // ten steps with every kind of value, for tours and tests
	Paracetamol500 = "paracetamol-500.recipe" // paracetamol 500 mg tablets, 53 steps from dispensing to bulk tablets

	HardCapsule       = "hard-capsule.recipe"       // loratadine 10 mg capsules: blending until even, fill weights, metal detection
	Cream             = "cream.recipe"              // hydrocortisone cream 1 %: two phases at once, homogenising until the droplets are small
	SterileInjectable = "sterile-injectable.recipe" // lidocaine injection: pH, sterile filtration with tests of the filter, hold times, aseptic filling
	FedBatch          = "mab-fed-batch.recipe"      // monoclonal antibody: fourteen days in the bioreactor, daily feeds, a branch on lactate
	APIStep           = "api-step.recipe"           // paracetamol crude: reaction to its end point, crystallisation, drying
)

// All gives the names of the shipped recipes: those of Executable, then those that use the whole language.
func All() []string {
	return append(Executable(), HardCapsule, Cream, SterileInjectable, FedBatch, APIStep)
}

// Executable gives the names of the recipes that batches execute today, simplest first.
func Executable() []string { return []string{BufferTour, Paracetamol500} }

// Text gives the exact text of a shipped recipe; it panics on a name that is not one of All.
func Text(name string) []byte {
	src, err := files.ReadFile(name)
	if err != nil {
		panic("library: " + err.Error())
	}
	return src
}
