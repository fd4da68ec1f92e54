package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"veribatch/internal/backup"
	"veribatch/internal/fault"
)

// passphraseVariable carries the passphrase of backups; an argument never does, because everybody may read command lines.
const passphraseVariable = "EBR_BACKUP_PASSPHRASE"

// passphrase opens the keys in a backup. It comes from a file, from the environment, or is typed at a terminal.
type passphrase struct {
	PassphraseFile string `placeholder:"FILE" help:"File whose first line is the passphrase of the keys in the backup. Without it: the environment variable EBR_BACKUP_PASSPHRASE, else it is asked for."`
}

func (p passphrase) read(o output, twice bool) (string, error) {
	text, err := givenPassphrase(p.PassphraseFile)
	if err != nil || text != "" {
		return text, err
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", fault.New(fault.NotReady, "The passphrase of the backup is missing. Name a file with --passphrase-file, or set %s.", passphraseVariable)
	}
	if text, err = typed(o, "Passphrase of the backup: "); err != nil || !twice {
		return text, err
	}
	again, err := typed(o, "Once more: ")
	if err == nil && again != text {
		err = fault.New(fault.Invalid, "The two differ. Nothing was done.")
	}
	return text, err
}

func typed(o output, question string) (string, error) {
	fmt.Fprint(o.err, question)
	raw, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(o.err)
	return string(raw), err
}

// givenPassphrase reads the passphrase from a file or the environment; "" when neither has one. A file that others may read is refused.
func givenPassphrase(file string) (string, error) {
	text := os.Getenv(passphraseVariable)
	if file != "" {
		var err error
		if text, err = secretLine(file); err != nil {
			return "", fault.New(fault.NotReady, "The passphrase file %s cannot be used.", file).Because(err)
		}
	}
	if text == "" && file == "" {
		return "", nil
	}
	return text, backup.CheckPassphrase(text)
}

// secretLine reads the first line of a file that nobody else may read.
func secretLine(file string) (string, error) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = errors.New("others may read it: chmod 600")
	}
	raw, rerr := os.ReadFile(file)
	text, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimSuffix(text, "\r"), errors.Join(err, rerr)
}
