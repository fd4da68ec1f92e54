package bundle

import (
	"encoding/json"
	"testing"
)

// Whatever stands in a file: a verdict, no panic; and only what its writer would have written again is intact.
func FuzzVerify(f *testing.F) {
	_, keys := newPlant(7).make()
	for seed := range uint64(20) {
		file, _ := spoiled(seed)
		f.Add(file)
	}
	file, _ := newPlant(7).make()
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		v := Verify(file, &keys)
		if v.ExitCode() < 0 || (v.Reason == "") != (v.Word == Intact) {
			t.Errorf("%q %q", v.Word, v.Reason)
		}
	})
}

// What is taken as strict JSON is JSON, and each text in it is one.
func FuzzParseObject(f *testing.F) {
	for _, text := range append(fragments, `{"a":[1,2.5e-3,true,null,"\ud83d\ude00"]}`, `{"a":1,"\u0061":2}`, ` {} `) {
		f.Add([]byte(text))
		f.Add([]byte(`{"a":` + text + `}`))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if object, err := parseObject(raw); err == nil && (!json.Valid(raw) || object == nil) {
			t.Errorf("%q", raw)
		}
	})
}

// What is read as keys is written again byte by byte.
func FuzzParseKeys(f *testing.F) {
	for seed := range uint64(20) {
		_, trust := spoiled(seed)
		f.Add(trust)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if k, err := ParseKeys(raw); err == nil && string(k.Format()) != string(raw) {
			t.Errorf("%q", raw)
		}
	})
}
