// Package durable keeps small files that must never be half written or come back older: memories of what was signed. It does not know what they say.
// Start reading at Claim, then Replace.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"veribatch/internal/fault"
)

// LockFile is the file in a claimed folder that holds it.
const LockFile = "lock"

// Step does one step of a change on the disk. Tests let each fail, before it is done and after.
type Step func(name string, do func() error) error

// Do just does it.
func Do(_ string, do func() error) error { return do() }

// Claim makes the folder, for its owner only, and holds it for this process until the file is closed.
func Claim(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder %s: %w", folder, err)
	}
	info, err := os.Lstat(folder)
	if err != nil {
		return nil, fmt.Errorf("look at the folder %s: %w", folder, err)
	}
	if perm := info.Mode().Perm(); !info.IsDir() || perm&0o077 != 0 {
		return nil, fault.New(fault.Refused, "The folder %s has permissions %04o: others could change what is remembered there. Find out who did, then set 0700.", folder, perm)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return nil, fault.New(fault.Refused, "The folder %s belongs to user %d, and this program runs as user %d.", folder, stat.Uid, os.Geteuid())
	}
	lock, err := os.OpenFile(filepath.Join(folder, LockFile), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder %s: %w", folder, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fault.New(fault.Busy, "Another process works in %s.", folder).Because(err)
	}
	return lock, nil
}

// Replace writes the file of that name in the folder (0600): whole or not at all, and on the disk when it returns nil. A process that dies
// in between leaves a file that begins with prefix.
func Replace(folder, name, prefix string, content []byte, step Step) (err error) {
	var file *os.File
	if err := step("create", func() (err error) { file, err = os.CreateTemp(folder, prefix+"*"); return err }); err != nil { // 0600 by contract of CreateTemp
		return errors.Join(err, discard(file))
	}
	made := file.Name()
	err = step("write", func() error { _, err := file.Write(content); return err })
	if err == nil {
		err = step("sync", file.Sync)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = step("rename", func() error { return os.Rename(made, filepath.Join(folder, name)) })
	}
	if err != nil {
		_ = os.Remove(made)
		return err
	}
	return step("sync the folder", func() error {
		opened, err := os.Open(folder)
		if err != nil {
			return err
		}
		return errors.Join(opened.Sync(), opened.Close())
	})
}

func discard(file *os.File) error {
	if file == nil {
		return nil
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
