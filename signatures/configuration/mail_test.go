package configuration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"veribatch/internal/fault"
)

func TestAddressesThatServersReadDifferentlyAreRefused(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][2][]string{
		"mail_server": {{"smtp.plant.example:587", "127.0.0.1:25", "[::1]:25", "none"},
			{"smtp", "smtp:0", "smtp:65536", "smtp:+25", "smtp:025", ":25", "a b:25", "a\r\n:25", "http://a:25", "a/b:25", "ä.example:25"}},
		"mail_sender": {{"a@b.example", "a.b+c@b.example", "none"},
			{"a@b.example\r\nBcc: x@y.example", "A <a@b.example>", `"a b"@b.example`, "a@b.example,c@d.example", "@b.example", "a@", "a@[127.0.0.1]", "ä@b.example", "a@b..example>", "a@b_c.example", strings.Repeat("a", 250) + "@b.example"}},
		"mail_recipients": {{"a@b.example", "a@b.example,c@d.example", "none"},
			{"a@b.example, c@d.example", "a@b.example,", "a@b.example,a@b.example", "a@b.example;c@d.example", strings.Repeat("a@b.example,", 10) + "a@b.example", "a@b.example,none"}},
	} {
		l := line(t, name)
		for _, good := range texts[0] {
			var s Settings
			require.NoError(t, l.Set(&s, good), good)
			require.Equal(t, good, l.Text(s))
		}
		for _, wrong := range texts[1] {
			var s Settings
			require.Error(t, l.Set(&s, wrong), wrong)
			require.Zero(t, s)
		}
	}
}

func TestMailIsWholeOrOff(t *testing.T) {
	t.Parallel()
	s := Defaults()
	require.NoError(t, s.Check())
	s.MailEncryption = Plain
	require.NoError(t, s.Check(), "nothing is mailed")
	s.MailServer, s.MailSender, s.MailRecipients = "smtp.plant.example:25", "a@b.example", "c@d.example"
	field := func(want string) { t.Helper(); require.Equal(t, want, fault.As(s.Check()).Field) }
	field("mail_encryption")
	for _, own := range []Server{"localhost:25", "127.0.0.2:25", "[::1]:25"} {
		s.MailServer = own
		require.NoError(t, s.Check(), own)
	}
	s.MailServer, s.MailEncryption = "smtp.plant.example:25", TLS
	require.NoError(t, s.Check())
	s.MailRecipients = ""
	field("mail_recipients")
	s.MailSender = ""
	field("mail_sender")
}
