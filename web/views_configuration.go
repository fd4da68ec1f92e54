package web

import "time"

// ConfigurationView shows the settings in force, what waits for approval or its time, and all that came before. Fields of the form: one per
// setting, from (a day), reason.
type ConfigurationView struct {
	Page
	Number     string // of the configuration in force
	Default    bool   // none was approved yet: the defaults are in force
	Since      time.Time
	Signatures []Signed
	Present    []SettingLine

	Waiting, Past []ConfigurationVersion

	Propose  *Form
	Coming   string        // number of the approved configuration that waits for its time and that the next proposal changes; "" when there is none
	Settings []SettingLine // the values that a proposal changes
}

// SettingLine is one setting with its value.
type SettingLine struct {
	Name, Label, Value, Text, Unit, Limits, Default, Meaning, Source string

	OnOff   bool
	InWords bool // text and no number
	Longest int  // characters of words
	Changed bool // differs from the default
}

// ConfigurationVersion is one configuration with what it changes.
type ConfigurationVersion struct {
	Number, State, Base, Begins, Reason, WithdrawReason string

	OnDefaults bool // changes the defaults of the program
	Changes    []SettingChange
	Signatures []Signed
	Approve    *Form
	Withdraw   *Form
}

// SettingChange is one line of a comparison, in words with units.
type SettingChange struct{ Label, Old, New string }

func (*ConfigurationView) template() string { return "configuration/index" }
