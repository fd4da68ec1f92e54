package configuration

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

func TestEveryLineOfTheTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[any]bool{}
	s := Defaults()
	for _, l := range Table() {
		require.Regexp(t, `^[a-z]+_[a-z]+$`, l.Name)
		require.NotEmpty(t, l.Label)
		require.True(t, strings.HasSuffix(l.Meaning, "."), l.Name)
		require.NotEmpty(t, l.Source, l.Name)
		require.True(t, l.Least <= l.Default && l.Default <= l.Most && l.Least < l.Most, l.Name)
		require.Equal(t, l.OnOff(), l.Unit == "" && l.Most == 1, l.Name)
		field := l.value(&s)
		require.False(t, seen[field], "%s shares its field with another setting", l.Name)
		seen[field] = true
	}
	require.Equal(t, 15, s.IdleMinutes)
	require.False(t, s.SeriesSigning)
}

func TestValuesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	s := Defaults()
	s.Version = 3
	for i, l := range Table() {
		l.put(&s, l.Least+i%2*(l.Most-l.Least))
	}
	back, err := Of(3, s.Values())
	require.NoError(t, err)
	require.Equal(t, s, back)

	old, err := Of(2, map[string]string{"idle_minutes": "61", "clock_seconds": "0", "gone": "1"})
	require.NoError(t, err)
	require.Equal(t, 60, old.IdleMinutes, "a limit that was narrowed holds for old records too")
	require.Equal(t, 1, old.ClockSeconds)
	require.Equal(t, Defaults().SessionHours, old.SessionHours, "a setting of a later release has its default")
	_, err = Of(2, map[string]string{"series_signing": "perhaps"})
	require.Error(t, err)
}

func TestValuesBeyondTheLimitsAreRefusedInWords(t *testing.T) {
	t.Parallel()
	for _, l := range Table() {
		s := Defaults()
		wrong := []string{"", " ", "x", "1.5", "+3", "03", "-1", "1e3", "9999999999999999999999", "ON", "true", "١"}
		if l.OnOff() {
			wrong = append(wrong, "0", "1")
		} else {
			wrong = append(wrong, "1000000", "on")
		}
		for _, text := range wrong {
			err := l.Set(&s, text)
			require.Equal(t, fault.Invalid, fault.KindOf(err), "%s = %q", l.Name, text)
			require.Equal(t, l.Name, fault.As(err).Field)
			require.Contains(t, fault.As(err).Message, l.Label)
			require.Equal(t, Defaults(), s)
		}
	}
	s := Defaults()
	err := line(t, "password_characters").Set(&s, "7")
	require.Equal(t, "Shortest password: 7 characters is beyond what any plant may set. Allowed: 8 to 64 characters.", fault.As(err).Message)
	require.NoError(t, line(t, "series_signing").Set(&s, "on"))
	require.True(t, s.SeriesSigning)
	require.NoError(t, line(t, "series_signing").Set(&s, "off"))
	require.False(t, s.SeriesSigning)
}

func line(t *testing.T, name string) Setting {
	t.Helper()
	for _, l := range Table() {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no setting %s", name)
	return Setting{}
}

var update = flag.Bool("update", false, "write the table of docs/configuration.md")

// The guide shows the table of the settings as the program has it.
func TestTheGuideShowsTheTable(t *testing.T) {
	t.Parallel()
	const page = "../../docs/configuration.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "-update` -->\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "<!-- end -->")
	require.True(t, found)
	var b strings.Builder
	b.WriteString("| setting | meaning | default | allowed | asked for by |\n|---|---|---|---|---|\n")
	for _, l := range Table() {
		fmt.Fprintf(&b, "| **%s** `%s` | %s | %s | %s | %s |\n", l.Label, l.Name, l.Meaning, l.Words(Defaults()), l.Limits(), l.Source)
	}
	whole := before + "-update` -->\n" + b.String() + "<!-- end -->" + after
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(whole), 0o600))
		return
	}
	require.Equal(t, whole, string(text), "run go test ./signatures/configuration -update")
}
