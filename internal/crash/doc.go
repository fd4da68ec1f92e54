// Package crash owns the proof that no crash loses or doubles what was acknowledged: it kills a real server and all of its database's processes under load,
// drops answers after COMMIT, and resolves each unknown outcome by its request key; and it takes the power away, so that only what was flushed is left; it fills its disks, and sets its clock. It
// holds no code of the program; its tests are run by make crash and, a slice of them, by make evidence. Start reading at TestCrashes, then TestPowerLoss.
package crash
