package web

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"veribatch/signatures/keyring"
)

// The cookies of this site. None that names somebody is readable by scripts, none leaves with a request that another site caused.
const (
	SessionCookie = "session" // the secret token of the session; with TLS its name begins with __Host-
	stationCookie = "station" // which station this browser is, with the mark of the site key
	noticeCookie  = "notice"  // what went well, shown once on the next page
	themeCookie   = "theme"   // dark or light; the one cookie that a script sets and reads
)

const (
	purposeStation = "station" // separates the mark of a station from everything else that the site key signs
	stationYears   = 10 * 365 * 24 * 3600
)

// cookieName adds the browser's own guard where TLS allows it: a __Host- cookie cannot be set from a subdomain or over plain HTTP.
func (s *server) cookieName(c echo.Context, name string) string {
	if s.secure(c.Request()) {
		return "__Host-" + name
	}
	return name
}

// setCookie sets a cookie; age 0 ends with the browser, a negative age removes it.
func (s *server) setCookie(c echo.Context, name, value string, age int) {
	c.SetCookie(&http.Cookie{
		Name: s.cookieName(c, name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.secure(c.Request()), SameSite: http.SameSiteStrictMode,
	})
}

// marked gives what makes a client known as the station: its id is no secret (it stands in the trail), so it carries a mark that only this site
// can make.
func (s *server) marked(station string) string {
	return station + "." + base64.RawURLEncoding.EncodeToString(s.Keyring.Sign(purposeStation, []byte(station)))
}

// knownStation reads the station of this browser; "" when it has none or the mark is not ours.
func (s *server) knownStation(c echo.Context) string {
	cookie, err := c.Cookie(s.cookieName(c, stationCookie))
	if err != nil {
		return ""
	}
	return s.unmarked(cookie.Value)
}

// unmarked gives the station of which a client holds the mark; "" when the mark is not ours.
func (s *server) unmarked(value string) string {
	station, encoded, _ := strings.Cut(value, ".")
	mark, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || uuid.Validate(station) != nil || !keyring.Verify(s.Keyring.Public(), purposeStation, []byte(station), mark) {
		return ""
	}
	return station
}

// notices are the words for what went well, by the act's word. A cookie names the word, so nobody can put text of their own on the page.
var notices = map[string]string{
	"order.create": "Order created.", "backup.make": "The backup is being made.", "batch.export": "The export is entered. Download its bundle below.", "log.continue": "The log goes on.", "batch.issue": "The record is issued.", "batch.start": "The batch is running.",
	"session.unlock": "Unlocked.", "password.change": "The new password is set.", "person.create": "The account is made. The person needs the link, and the code from whoever checks the identity.",
	"person.roles": "The roles are changed.", "person.confirm_identity": "The identity is confirmed.", "person.deactivate": "The account is closed.",
	"person.reset": "The password is reset. The person needs the link, and the code from whoever checks the identity.", "person.unlock": "The account is unlocked.",
	"accountability.sign": "Signed.", "accountability.publish": "The new version is in force.", "access.review": "The review is signed.",
	"step.record": "Value recorded.", "step.correct": "Correction recorded. The earlier value stays readable.", "step.comment": "Comment added.",
	"step.perform": "Step done.", "step.verify": "Step verified.", "batch.hold": "The batch is held.", "hold.assess": "Assessment signed.",
	"batch.resume": "The batch goes on.", "batch.abort": "The batch is aborted.", "batch.complete": "The batch is complete.",
	"recipe.import": "Saved as draft.", "recipe.submit": "Submitted for review.", "recipe.approve": "Approved.", "recipe.make_effective": "The recipe is effective.",
	"recipe.comment": "Comment added.", "recipe.resolve": "The comment is resolved.", "recipe.send_back": "Sent back to its author.", "recipe.withdraw": "Withdrawn. No batch starts by this version any more.",
	"token.create": "The token is made.", "token.approve": "The token is approved.", "token.revoke": "The token is revoked.", "machine.hand_over": "The machine is handed over.",
	"configuration.propose": "The proposal waits for QA.", "configuration.approve": "The configuration is approved.", "configuration.withdraw": "Withdrawn.",
	"incident.assess": "Judged.", "incident.reassess": "Judged anew. The former judgement stays readable.", "incident.close": "The incident is closed.",
	"area.create": "The area is created.", "area.rename": "The area has its new title.",
}

// notice reads what went well, once.
func (v *visit) notice() string {
	cookie, err := v.c.Cookie(v.s.cookieName(v.c, noticeCookie))
	if err != nil || v.c.Request().Method != http.MethodGet {
		return ""
	}
	v.s.setCookie(v.c, noticeCookie, "", -1)
	text, known := notices[cookie.Value]
	if !known {
		return ""
	}
	return v.words(text)
}

// dark tells whether this browser shows the colours of a dark room.
func (v *visit) dark() bool {
	cookie, err := v.c.Cookie(themeCookie)
	return err == nil && cookie.Value == "dark"
}
