package bundle

import (
	"bytes"
	"encoding/json"
	"slices"
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

// Whatever stands in a member of a container that is sound: a verdict, no panic, and never intact where something depends on that member. A fuzzer that turns
// bits of the whole file never comes past the checksums.
func FuzzMember(f *testing.F) {
	file, keys := newPlant(7).make()
	members, err := unpack(file)
	if err != nil {
		f.Fatal(err)
	}
	for i, m := range members {
		f.Add(uint8(i), m.Bytes)
	}
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		at := int(which) % len(members)
		spoiled := slices.Clone(members)
		spoiled[at].Bytes = content
		var out bytes.Buffer
		if err := Pack(&out, spoiled); err != nil {
			return // more than a bundle may hold
		}
		v := Verify(out.Bytes(), &keys)
		unbound := members[at].Name == keysText || members[at].Name == checkpoints // keys that are not trusted, and lines of keys that nobody knows
		if (v.Reason == "") != (v.Word == Intact) || v.Word == Intact && !unbound && !bytes.Equal(content, members[at].Bytes) {
			t.Errorf("%s: %q %q", members[at].Name, v.Word, v.Reason)
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
