package document

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

func TestLoad(t *testing.T) {
	want := &consignmentv1.CreateConsignmentRequest{
		Description: "Spare parts — №1", Weight: 550, VesselId: "vessel001",
		Containers: []*consignmentv1.Container{{CustomerId: "cust001", UserId: "user001", Origin: "Derby, United Kingdom"}},
	}
	tests := []struct{ name, text string }{
		{"snake case", `{"description":"Spare parts — №1","weight":550,"vessel_id":"vessel001",
			"containers":[{"customer_id":"cust001","user_id":"user001","origin":"Derby, United Kingdom"}]}`},
		{"camel case", `{"description":"Spare parts — №1","weight":550,"vesselId":"vessel001",
			"containers":[{"customerId":"cust001","userId":"user001","origin":"Derby, United Kingdom"}]}`},
		{"number in quotes, null, byte order mark", "\ufeff" + `{"description":"Spare parts — №1","weight":"5.5e2","vesselId":"vessel001","customer_id":null,
			"containers":[{"customerId":"cust001","userId":"user001","origin":"Derby, United Kingdom","id":null}]}` + "\n\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "consignment.json")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{file, Stdin} {
				got := &consignmentv1.CreateConsignmentRequest{}
				if err := Load(name, strings.NewReader(tt.text), got); err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	const fields = "description, weight, containers, vessel_id, customer_id, request_id"
	tests := []struct{ name, text, want string }{
		{"empty", "", "standard input: is empty"},
		{"blank", " \n\t", "standard input: is empty"},
		{"byte order mark alone", "\ufeff", "standard input: is empty"},
		{"too large", "{" + strings.Repeat(" ", MaxBytes) + "}", "standard input: is larger than 4 MiB"},
		{"not UTF-8", "{\n \"description\": \"Caf\xe9\"}", "standard input: line 2, column 21: is not UTF-8 text"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "standard input: line 1, column 1: is not UTF-8 text"},
		{"not JSON", "weight: 5", "standard input: line 1, column 1: is not JSON: invalid character 'w' looking for beginning of value"},
		{"comma at the end", "{\n  \"weight\": 5,\n}", "standard input: line 3, column 1: is not JSON: invalid character '}' looking for beginning of object key string"},
		{"cut short", "{\n\"weight\": 5", "standard input: line 2, column 12: is not JSON: it ends too early; a closing }, ] or \" is missing"},
		{"two values", `{} {}`, "standard input: line 1, column 4: is not JSON: invalid character '{' after top-level value"},
		{"unpaired surrogate", `{"description": "\ud800 and more"}`, "standard input: line 1, column 17: cannot be read: "},
		{"list", `[]`, "standard input: line 1, column 1: must be an object, { … }, not a list"},
		{"null", `null`, "standard input: line 1, column 1: must be an object, { … }, not null"},
		{"text", `"x"`, "standard input: line 1, column 1: must be an object, { … }, not text"},
		{"unknown field", "{\"weigth\": 5}", "standard input: line 1, column 2: weigth: there is no such field; there are " + fields},
		{"unknown nested field", "{\"containers\": [{},\n   {\"orgin\": \"x\"}]}", "standard input: line 2, column 5: containers[1].orgin: there is no such field; there are id, customer_id, origin, user_id"},
		{"id", `{"id": "c1"}`, "standard input: line 1, column 2: id: there is no such field; there are " + fields},
		{"twice", `{"weight": 1, "weight": 2}`, "standard input: line 1, column 15: weight: is given twice"},
		{"twice in two ways", `{"vessel_id": "a", "vesselId": "b"}`, "standard input: line 1, column 20: vesselId: is given twice"},
		{"weight in words", `{"weight": "heavy"}`, `standard input: line 1, column 12: weight: must be a whole number, not "heavy"`},
		{"weight with a fraction", `{"weight": 5.5}`, `standard input: line 1, column 12: weight: must be a whole number, not "5.5"`},
		{"weight too large", `{"weight": 2147483648}`, "standard input: line 1, column 12: weight: must be between -2147483648 and 2147483647"},
		{"weight without end", `{"weight": 1e999}`, "standard input: line 1, column 12: weight: must be between -2147483648 and 2147483647"},
		{"weight NaN", `{"weight": "NaN"}`, `standard input: line 1, column 12: weight: must be a whole number, not "NaN"`},
		{"weight true", `{"weight": true}`, "standard input: line 1, column 12: weight: must be a whole number, not true or false"},
		{"description a number", `{"description": 5}`, "standard input: line 1, column 17: description: must be text in quotes, not a number"},
		{"containers an object", `{"containers": {}}`, "standard input: line 1, column 16: containers: must be a list, [ … ], not an object"},
		{"container a number", `{"containers": [7]}`, "standard input: line 1, column 17: containers[0]: must be an object, { … }, not a number"},
		{"container null", `{"containers": [null]}`, "standard input: line 1, column 17: containers[0]: must be an object, { … }, not null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Load(Stdin, strings.NewReader(tt.text), &consignmentv1.CreateConsignmentRequest{})
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("error %v is a %T", err, err)
			}
			// Of what protojson alone finds the wording is not ours.
			if err.Error() != tt.want && !(strings.HasSuffix(tt.want, ": ") && strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestLoadRefusesVessel(t *testing.T) {
	err := Load(Stdin, strings.NewReader(`{"available": "yes"}`), &vesselv1.CreateVesselRequest{})
	const want = "standard input: line 1, column 15: available: must be true or false, not text"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadFullSize(t *testing.T) {
	text := "{" + strings.Repeat(" ", MaxBytes-2) + "}"
	if data, err := Read(Stdin, strings.NewReader(text)); err != nil || len(data) != MaxBytes {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.json")
	if err := os.WriteFile(secret, []byte("{}"), 0); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing.json")
	tests := []struct{ name, file, want string }{
		{"missing", missing, missing + ": does not exist"},
		{"directory", dir, dir + ": cannot be read: is a directory"},
		{"not allowed", secret, secret + ": cannot be read: permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(tt.file, nil)
			if err == nil && tt.file == secret && os.Geteuid() == 0 {
				t.Skip("root reads every file")
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := Read(missing, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	if _, err := Read(Stdin, iotest.ErrReader(errors.New("unplugged"))); err == nil || err.Error() != "standard input: cannot be read: unplugged" {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode: no document makes Decode panic or return another kind of error.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"weight": 5, "containers": [{"origin": "Derby"}]}`))
	f.Add([]byte(`{"containers": [[]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Decode("fuzz", data, &consignmentv1.CreateConsignmentRequest{})
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Errorf("error %v is a %T", err, err)
		}
	})
}
