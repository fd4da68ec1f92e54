package postgres

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"veribatch/internal/fault"
)

// elsewhere is where the data of a state folder goes that the database user cannot reach (a clone under /root, say).
const elsewhere = "/var/lib/veribatch"

// longestSocketDir keeps the socket's whole path below the 107 bytes that a Unix address has (103 on some systems).
const longestSocketDir = 85

// place is where the files of one cluster stand: usually in the state folder itself. Everything in it belongs to the database user.
type place struct {
	user           account
	root           string
	data, log, run string
}

// prepareState makes the state folder. Root's folder may be entered by others, because the database user must pass through it;
// what it holds is closed to them.
func prepareState(state string) (string, error) {
	if state == "" {
		return "", fault.New(fault.NotReady, "No state folder is named. Use --state FOLDER.")
	}
	abs, err := filepath.Abs(state)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(abs, unicode.IsControl) { // PostgreSQL keeps its folders in files of lines
		return "", fault.New(fault.Invalid, "The name of the state folder %q holds a line break or another control character. Choose another with --state.", abs)
	}
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(abs, mode); err != nil {
		return "", fault.New(fault.NotReady, "The state folder %s cannot be made. Choose another with --state.", abs).Because(err)
	}
	return filepath.EvalSymlinks(abs)
}

// lockState takes the lock of a state folder. The lock falls with the process that holds it, however that ends.
func lockState(state string) (*os.File, error) {
	path := filepath.Join(state, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.NotReady, "The lock file %s cannot be opened. Run ebr as the user who owns the state folder.", path).Because(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = f.Close()
		return nil, fault.New(fault.Busy, "Another ebr (process %s) is using the state folder %s. Stop it first, or choose another folder with --state.",
			strings.TrimSpace(string(holder)), state).Because(err)
	}
	_ = f.Truncate(0)
	_, err = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return f, err
}

// findPlace decides where the data stands and makes the folders. The decision of the first start is kept in the file "place":
// later starts must not begin an empty database somewhere else because a permission changed.
func findPlace(state string, who account, progress func(string)) (place, error) {
	kept := filepath.Join(state, "place")
	raw, err := os.ReadFile(kept)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return place{}, err
	}
	root := strings.TrimSpace(string(raw))
	switch {
	case root == "." || (root == "" && who.reaches(state)):
		root = state
	case root == "":
		if root, err = otherPlace(); err != nil {
			return place{}, err
		}
		progress(fmt.Sprintf("The account %s cannot reach %s: the database stands in %s", who.name, state, root))
	default:
		progress("The database stands in " + root)
	}
	if !who.reaches(root) {
		return place{}, fault.New(fault.NotReady, "The account %s, under which the database runs, can no longer enter %s. "+
			"Allow it again (chmod a+x on the folder and those above it). Nothing was changed.", who.name, root)
	}
	p := place{user: who, root: root, data: filepath.Join(root, "pg"), log: filepath.Join(root, "log"), run: filepath.Join(root, "run")}
	if err := p.checkOwner(); err != nil {
		return p, err
	}
	for _, folder := range []string{p.log, p.run} {
		if err := who.own(folder); err != nil {
			return p, err
		}
	}
	if len(raw) > 0 {
		return p, nil
	}
	if root == state {
		root = "."
	}
	return p, writeWhole(kept, root+"\n", 0o600)
}

// otherPlace makes a folder with a name that was never used, so that a state folder that was deleted and made again does not
// meet the data of its predecessor, to which it has no password.
func otherPlace() (string, error) {
	raw := make([]byte, 8)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	root := filepath.Join(elsewhere, hex.EncodeToString(raw))
	if err := os.MkdirAll(root, 0o711); err != nil {
		return "", fault.New(fault.NotReady, "The database user cannot reach the state folder, and %s cannot be made. Choose a folder with --state "+
			"that every user may enter.", root).Because(err)
	}
	return root, nil
}

// checkOwner refuses a data directory of another user: PostgreSQL would too, in words that help less.
func (p place) checkOwner() error {
	info, err := os.Stat(p.data)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != p.user.uid {
		return fault.New(fault.NotReady, "The data directory %s belongs to user id %d, but the database would run as %s (user id %d). "+
			"Start ebr as the user who started it before, or choose another folder with --state.", p.data, stat.Uid, p.user.name, p.user.uid)
	}
	return nil
}

// socketDir is a private folder for the socket: "run" in the place when its path is short, takes sockets and has no character that
// PostgreSQL's list of folders or a connection string would split, else one in the system's temporary folder.
func (p place) socketDir() (string, error) {
	if len(p.run) <= longestSocketDir && !strings.ContainsAny(p.run, `,"`) && takesSockets(p.run) {
		return p.run, nil
	}
	p.forgetSocket(p.rememberedSocket())
	dir, err := os.MkdirTemp("/tmp", "veribatch-")
	if err != nil {
		return "", err
	}
	if err := p.user.own(dir); err != nil {
		return "", err
	}
	return dir, writeWhole(filepath.Join(p.run, "socket"), dir+"\n", 0o600)
}

func (p place) rememberedSocket() string {
	raw, _ := os.ReadFile(filepath.Join(p.run, "socket"))
	return strings.TrimSpace(string(raw))
}

// forgetSocket removes what a postmaster left in a socket folder, and the folder itself when it is a temporary one.
func (p place) forgetSocket(dir string) {
	if dir == "" {
		return
	}
	_ = os.Remove(filepath.Join(dir, ".s.PGSQL.5432"))
	_ = os.Remove(filepath.Join(dir, ".s.PGSQL.5432.lock"))
	if dir != p.run && strings.HasPrefix(dir, "/tmp/veribatch-") {
		_ = os.Remove(dir)
	}
}

// takesSockets tries it: some mounted folders (network shares, virtual machine folders) do not.
func takesSockets(dir string) bool {
	path := filepath.Join(dir, "probe")
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return false
	}
	return l.Close() == nil
}
