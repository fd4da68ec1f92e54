package configuration

import (
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"veribatch/internal/fault"
)

// worded is the value of a setting that is neither a number nor a switch. Nothing is written "none", so that an empty field of a form can mean
// "as it is".
type worded interface {
	put(text string) error // says in words what is wrong
	text() string
	allowed() string
}

const none = "none"

// Server is the host:port of a server for mail; "" when nothing is mailed.
type Server string

// Encryption is how the connection to the server is protected; "" is STARTTLS.
type Encryption string

// The ways of protecting a connection.
const (
	StartTLS Encryption = ""     // begins in the clear, and goes on with TLS or not at all
	TLS      Encryption = "tls"  // from the first byte on
	Plain    Encryption = "none" // to this machine itself only
)

// Address is one address for mail; "" when there is none.
type Address string

// Addresses are several, joined by commas without spaces.
type Addresses string

// Bounds of addresses: RFC 5321 4.5.3.1.3 for one, and what a person keeps in view for all.
const (
	longestAddress = 254
	mostAddresses  = 10
)

func (v *Server) put(text string) error {
	if text == none {
		*v = ""
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || strconv.FormatUint(n, 10) != port || !hostName(host) {
		return fault.New(fault.Invalid, "type the host and the port, such as smtp.plant.example:587, or none")
	}
	*v = Server(text)
	return nil
}

// hostName tells whether the text can be a name or an address of a machine.
func hostName(text string) bool {
	if net.ParseIP(text) != nil {
		return true
	}
	letter := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.'
	}
	return text != "" && len(text) <= 253 && !strings.ContainsFunc(text, func(r rune) bool { return !letter(r) })
}

func (v *Server) text() string  { return orNone(string(*v)) }
func (*Server) allowed() string { return "host:port, or none" }

// Host gives host and port.
func (v Server) Host() (host string, port int) {
	host, text, _ := net.SplitHostPort(string(v))
	port, _ = strconv.Atoi(text)
	return host, port
}

// Loopback tells whether the server is this machine itself.
func (v Server) Loopback() bool {
	host, _ := v.Host()
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (v *Encryption) put(text string) error {
	switch text {
	case "starttls":
		*v = StartTLS
	case "tls":
		*v = TLS
	case none:
		*v = Plain
	default:
		return fault.New(fault.Invalid, "type starttls, tls or none")
	}
	return nil
}

func (v *Encryption) text() string {
	if *v == StartTLS {
		return "starttls"
	}
	return string(*v)
}
func (*Encryption) allowed() string { return "starttls, tls, or none on this machine" }

func (v *Address) put(text string) error {
	if text == none {
		*v = ""
		return nil
	}
	if !address(text) {
		return fault.New(fault.Invalid, "type one address, such as veribatch@plant.example, or none")
	}
	*v = Address(text)
	return nil
}

func (v *Address) text() string  { return orNone(string(*v)) }
func (*Address) allowed() string { return "one address, or none" }

// Domain is what stands behind the @.
func (v Address) Domain() string { return string(v[strings.LastIndexByte(string(v), '@')+1:]) }

// address tells whether the text is a bare address that means the same to every server: without a name, quotes, comments or spaces.
func address(text string) bool {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > longestAddress || strings.ContainsAny(text, `"(),:;<>[]\ `) {
		return false
	}
	return hostName(text[strings.LastIndexByte(text, '@')+1:]) && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func (v *Addresses) put(text string) error {
	if text == none {
		*v = ""
		return nil
	}
	list := strings.Split(text, ",")
	seen := slices.Clone(list)
	slices.Sort(seen)
	if len(list) > mostAddresses || len(slices.Compact(seen)) < len(list) || slices.ContainsFunc(list, func(a string) bool { return !address(a) }) {
		return fault.New(fault.Invalid, "type one to %d different addresses, joined by commas without spaces, such as qa@plant.example,it@plant.example, or none", mostAddresses)
	}
	*v = Addresses(text)
	return nil
}

func (v *Addresses) text() string  { return orNone(string(*v)) }
func (*Addresses) allowed() string { return fmt.Sprintf("up to %d addresses, or none", mostAddresses) }

// List gives them one by one.
func (v Addresses) List() []string {
	if v == "" {
		return nil
	}
	return strings.Split(string(v), ",")
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}

// Check asks what one setting alone cannot tell: that mail, when it is on, comes from somebody, goes to somebody, and not in the clear over a network.
func (s Settings) Check() error {
	switch {
	case s.MailServer == "":
		return nil
	case s.MailEncryption == Plain && !s.MailServer.Loopback():
		return fault.At("mail_encryption", "Mail without TLS goes to a server on this machine only, such as 127.0.0.1:25: over a network others can read and change it.")
	case s.MailSender == "":
		return fault.At("mail_sender", "Mail needs a sender: type the address from which this plant writes.")
	case s.MailRecipients == "":
		return fault.At("mail_recipients", "Mail needs somebody who reads it: type at least one address.")
	}
	return nil
}
