package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"github.com/jackc/pgx/v5"
)

// Binary asks for rows as Pour takes them: every value as PostgreSQL sends it in binary.
var Binary = pgx.QueryResultFormats{pgx.BinaryFormatCode}

const (
	pourBytes = 256 << 10 // of rows in one load
	pourLoads = 4
)

// Pour hands each row to fold while a second goroutine reads on, so that database, reading and hashing work side by side. It keeps a few loads of rows
// in memory, however many there are; a value is good until fold returns, and nil where it is null.
func Pour(rows pgx.Rows, fold func(values [][]byte) error) error {
	full, empty, stop := make(chan *load, pourLoads), make(chan *load, pourLoads), make(chan struct{})
	for range pourLoads {
		empty <- &load{}
	}
	go func() {
		defer close(full)
		defer rows.Close()
		for l := range empty {
			more := l.fill(rows)
			select {
			case full <- l:
			case <-stop:
				return
			}
			if !more {
				return
			}
		}
	}()
	defer func() {
		close(stop)
		close(empty)
		for range full { // until the reader has ended: the connection is its own
		}
	}()
	for l := range full {
		if err := l.each(fold); err != nil {
			return err
		}
		empty <- l
	}
	return rows.Err()
}

// load is some rows: their values one behind the other, and where each ends.
type load struct {
	bytes []byte
	ends  []int // -1 where the value is null
	width int
	row   [][]byte
}

func (l *load) fill(rows pgx.Rows) (more bool) {
	l.bytes, l.ends = l.bytes[:0], l.ends[:0]
	for len(l.bytes) < pourBytes {
		if !rows.Next() {
			return false
		}
		values := rows.RawValues()
		l.width = len(values)
		for _, v := range values {
			if v == nil {
				l.ends = append(l.ends, -1)
				continue
			}
			l.bytes = append(l.bytes, v...)
			l.ends = append(l.ends, len(l.bytes))
		}
	}
	return true
}

func (l *load) each(fold func(values [][]byte) error) error {
	start := 0
	for at := 0; at < len(l.ends); at += l.width {
		l.row = l.row[:0]
		for _, end := range l.ends[at : at+l.width] {
			if end < 0 {
				l.row = append(l.row, nil)
				continue
			}
			l.row = append(l.row, l.bytes[start:end:end])
			start = end
		}
		if err := fold(l.row); err != nil {
			return err
		}
	}
	return nil
}

// Sum is a set, as a number under a secret of this run: two that were filled in any order are equal when the same things were put into both, and nobody
// who does not know the secret can make others that are. So sets of any size are compared without being sorted or kept.
type Sum struct {
	secret [32]byte
	lanes  [4]uint64
	buffer []byte
}

// NewSum begins an empty set under a secret of its own.
func NewSum() *Sum {
	s := &Sum{}
	_, _ = rand.Read(s.secret[:]) // it ends the program rather than fail
	return s
}

// Empty begins another set under the same secret.
func (s *Sum) Empty() *Sum { return &Sum{secret: s.secret} }

// Equal tells whether both hold the same.
func (s *Sum) Equal(other *Sum) bool { return s.secret == other.secret && s.lanes == other.lanes }

// Add puts a thing into the set: two names and what is said of them.
func (s *Sum) Add(name []byte, number int64, said ...[]byte) {
	s.buffer = append(s.buffer[:0], s.secret[:]...)
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(number))
	s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(len(name)))
	s.buffer = append(s.buffer, name...)
	for _, text := range said {
		s.buffer = binary.BigEndian.AppendUint64(s.buffer, uint64(len(text)))
		s.buffer = append(s.buffer, text...)
	}
	sum := sha256.Sum256(s.buffer)
	for i := range s.lanes {
		s.lanes[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
}
