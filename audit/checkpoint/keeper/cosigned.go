package keeper

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"veribatch/audit"
	"veribatch/audit/checkpoint"
)

const everyCosignature = `select g.epoch, g.size, g.witness, g.at, g.line, coalesce(c.note, '') from audit.cosignatures g
	left join audit.checkpoints c on c.epoch = g.epoch and c.size = g.size order by 1, 2, 3`

// VerifyCosignatures compares each cosignature with its checkpoint: the key beside it signed that very text, at that time.
func VerifyCosignatures(ctx context.Context, q audit.Querier, found func(row string, why error)) error {
	rows, err := q.Query(ctx, everyCosignature)
	if err != nil {
		return err
	}
	var epoch int
	var size int64
	var key, line, signed string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&epoch, &size, &key, &at, &line, &signed}, func() error {
		if why := cosigned(key, line, signed, at); why != nil {
			found(fmt.Sprintf("table audit.cosignatures epoch %d size %d witness %s", epoch, size, key), why)
		}
		return nil
	})
	return err
}

// cosigned says why a cosignature is none of its checkpoint.
func cosigned(key, line, signed string, at time.Time) error {
	if signed == "" {
		return errors.New("the checkpoint that it is under is gone")
	}
	text, _, _ := strings.Cut(signed, "\n\n")
	_, when, err := checkpoint.ReadCosignature(key, text+"\n", line)
	if err == nil && !when.Equal(at) {
		err = errors.New("its time is not the one that was signed")
	}
	return err
}
