package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Limits of a container.
const (
	maxMembers = 60_000
	maxBytes   = 2_000_000_000
	maxName    = 100
)

const (
	localHeader   = 30
	centralHeader = 46
	endRecord     = 22
)

// Member is one file of the container.
type Member struct {
	Name  string
	Bytes []byte
}

// local is the header before the bytes of a member.
func (m Member) local() []byte {
	h := make([]byte, 0, localHeader+len(m.Name))
	h = append(h, 'P', 'K', 3, 4)
	h = binary.LittleEndian.AppendUint16(h, 10)
	h = m.common(h)
	return append(h, m.Name...)
}

// central is the entry of the member in the directory.
func (m Member) central(offset int64) []byte {
	h := make([]byte, 0, centralHeader+len(m.Name))
	h = append(h, 'P', 'K', 1, 2)
	h = binary.LittleEndian.AppendUint16(h, 20)
	h = binary.LittleEndian.AppendUint16(h, 10)
	h = m.common(h)
	h = append(h, make([]byte, 10)...) // comment, disk, attributes
	h = binary.LittleEndian.AppendUint32(h, uint32(offset))
	return append(h, m.Name...)
}

// common is what both headers say: flags, method, time, date, CRC-32, both sizes, length of the name, extra length.
func (m Member) common(h []byte) []byte {
	h = append(h, make([]byte, 6)...)
	h = binary.LittleEndian.AppendUint16(h, 33)
	h = binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(m.Bytes))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(m.Bytes)))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(m.Bytes)))
	h = binary.LittleEndian.AppendUint16(h, uint16(len(m.Name)))
	return binary.LittleEndian.AppendUint16(h, 0)
}

// end is what stands after the members, which end at offset.
func end(members []Member, offset int64) []byte {
	var directory []byte
	at := int64(0)
	for _, m := range members {
		directory = append(directory, m.central(at)...)
		at += int64(localHeader + len(m.Name) + len(m.Bytes))
	}
	size := len(directory)
	directory = append(directory, 'P', 'K', 5, 6, 0, 0, 0, 0)
	directory = binary.LittleEndian.AppendUint16(directory, uint16(len(members)))
	directory = binary.LittleEndian.AppendUint16(directory, uint16(len(members)))
	directory = binary.LittleEndian.AppendUint32(directory, uint32(size))
	directory = binary.LittleEndian.AppendUint32(directory, uint32(offset))
	return append(directory, 0, 0)
}

var errTooLarge = errors.New("more members or bytes than a bundle may have")

// Pack writes the members as a container, in the only form that unpack takes.
func Pack(w io.Writer, members []Member) error {
	offset := int64(0)
	for _, m := range members {
		offset += int64(localHeader + len(m.Name) + len(m.Bytes))
		if len(m.Name) == 0 || len(m.Name) > maxName || offset > maxBytes {
			return errTooLarge
		}
	}
	tail := end(members, offset)
	if len(members) > maxMembers || offset+int64(len(tail)) > maxBytes {
		return errTooLarge
	}
	for _, m := range members {
		if _, err := w.Write(m.local()); err != nil {
			return err
		}
		if _, err := w.Write(m.Bytes); err != nil {
			return err
		}
	}
	_, err := w.Write(tail)
	return err
}

// unpack reads a container; the members keep pointing into the file. It refuses whatever Pack would have written otherwise.
func unpack(file []byte) ([]Member, error) {
	if len(file) > maxBytes {
		return nil, errTooLarge
	}
	var members []Member
	rest := file
	for bytes.HasPrefix(rest, []byte("PK\x03\x04")) {
		if len(rest) < localHeader {
			return nil, errors.New("the header of a member is cut")
		}
		size, name := int64(binary.LittleEndian.Uint32(rest[22:])), int64(binary.LittleEndian.Uint16(rest[26:]))
		if name == 0 || name > maxName || localHeader+name+size > int64(len(rest)) || len(members) == maxMembers {
			return nil, errors.New("a member is cut, has no name or a long one, or there are too many")
		}
		m := Member{Name: string(rest[localHeader : localHeader+name]), Bytes: rest[localHeader+name : localHeader+name+size]}
		if !bytes.Equal(m.local(), rest[:localHeader+name]) {
			return nil, errors.New("a member is not stored as it must be")
		}
		members, rest = append(members, m), rest[localHeader+name+size:]
	}
	if !bytes.Equal(end(members, int64(len(file)-len(rest))), rest) {
		return nil, errors.New("the directory of the container is not that of its members")
	}
	return members, nil
}
