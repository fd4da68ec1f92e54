package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// Handler serves POST /add-checkpoint of C2SP tlog-witness; and GET /, where everybody reads the key and what was cosigned last: who compares it with
// what a plant shows him sees whether the plant shows two logs.
func Handler(w *Witness, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) { add(w, log, rw, r) })
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		notes, err := w.Newest()
		if err != nil {
			broken(log, rw, r, err)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(rw, "%s\n", w.Key())
		for _, n := range notes {
			_, _ = fmt.Fprintf(rw, "\n%s", n)
		}
	})
	return mux
}

func add(w *Witness, log *slog.Logger, rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, "the question cannot be read, or is too long", http.StatusBadRequest)
		return
	}
	line, err := w.Add(body)
	var refused *Refusal
	switch {
	case err == nil:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(rw, line)
	case errors.As(err, &refused):
		log.WarnContext(r.Context(), "not cosigned", "status", refused.Status, "why", refused.Why)
		if refused.Status == conflict {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(conflict)
			_, _ = fmt.Fprintf(rw, "%d\n", refused.Size)
			return
		}
		http.Error(rw, refused.Why, refused.Status)
	default:
		broken(log, rw, r, err)
	}
}

func broken(log *slog.Logger, rw http.ResponseWriter, r *http.Request, err error) {
	log.ErrorContext(r.Context(), "the witness cannot work", "error", err)
	http.Error(rw, "the witness cannot work; its own log says why", http.StatusInternalServerError)
}
