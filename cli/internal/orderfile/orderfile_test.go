package orderfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/encoding/protojson"

	"seaport.example/cli/internal/document"
)

// readAll returns a line of text for each line of the file: its number, and its order or its fault.
func readAll(t *testing.T, name, text string, format Format) ([]string, error) {
	t.Helper()
	f, err := Open(name, strings.NewReader(text), format)
	if err != nil {
		return nil, err
	}
	var all []string
	for {
		l, err := f.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		order, fault := f.Order(l)
		if fault != nil {
			all = append(all, fmt.Sprintf("%d: %v", l.Number, fault))
			continue
		}
		all = append(all, fmt.Sprintf("%d: %s, %d kg, %dx %s %s%s%s", l.Number, order.GetDescription(), order.GetWeight(), len(order.GetContainers()),
			order.GetContainers()[0].GetOrigin(), order.GetVesselId(), order.GetCustomerId(), order.GetRequestId()))
	}
}

const (
	tea    = `{"description": "Tea", "weight": 5, "containers": [{"origin": "Derby"}]}`
	coffee = `{"description": "Coffee", "weight": 6, "containers": [{"origin": "Hull"}], "vesselId": "v1"}`
)

func TestRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1_000_000)
	want := func(lines ...string) []string { return lines }
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"CSV", "a.csv", "description,weight,origin\nTea,5,Derby\nCoffee,6,Hull", want("2: Tea, 5 kg, 1x Derby ", "3: Coffee, 6 kg, 1x Hull ")},
		{"CSV without an order", "a.csv", "description,weight,origin\n", nil},
		{"CSV, all columns, mark, CRLF", "a.csv", "\ufeff Origin,containers,vessel_id,customer_id,request_id,weight,description\r\nDerby, 3 ,v1,c1,r1,5,Tea\r\n\r\n",
			want("2: Tea, 5 kg, 3x Derby v1c1r1")},
		{"CSV, quotes", "a.csv", "description,weight,origin\n\"Tea, \"\"green\"\"\nand black\",5,\"Derby, UK\"\r\nCoffee,6,Hull\n",
			want("2: Tea, \"green\"\nand black, 5 kg, 1x Derby, UK ", "4: Coffee, 6 kg, 1x Hull ")},
		{"CSV, blank lines", "a.csv", "\ndescription,weight,origin\n\n\r\nTea,5,Derby\n\n", want("5: Tea, 5 kg, 1x Derby ")},
		{"CSV, lines end in CR", "a.csv", "\ufeffdescription,weight,origin\rTea,5,\"Derby, UK\"\rCoffee,6,Hull\r",
			want("2: Tea, 5 kg, 1x Derby, UK ", "3: Coffee, 6 kg, 1x Hull ")},
		{"CSV, sep=,", "a.csv", "sep=,\r\ndescription,weight,origin\r\nTea,5,\"Derby, UK\"\r\n", want("3: Tea, 5 kg, 1x Derby, UK ")},
		{"CSV, sep=;", "a.csv", "\"SEP=;\"\ndescription;weight;origin\nTea;5;Derby, UK\n\"a;b\";6;Hull\n;;\n",
			want("3: Tea, 5 kg, 1x Derby, UK ", "4: a;b, 6 kg, 1x Hull ")},
		{"CSV, sep= of tabs", "a.csv", "sep=\t\ndescription\tweight\torigin\nTea\t5\tDerby, UK\n", want("3: Tea, 5 kg, 1x Derby, UK ")},
		{"CSV, lines of nothing but separators", "a.csv", "description,weight,origin,containers\nTea,5,Derby,\n\n\n,,,\n,,,\n   ",
			want("2: Tea, 5 kg, 1x Derby ")},
		{"CSV, ragged", "a.csv", "description,weight,origin\nTea,5\nTea,5,Derby,UK\nCoffee,6,Hull\n",
			want("2: has 2 columns, the header has 3", "3: has 4 columns, the header has 3", "4: Coffee, 6 kg, 1x Hull ")},
		{"CSV, figures", "a.csv", "description,weight,origin,containers\nTea,heavy,Derby,\nTea,5.5,Derby,\nTea,3000000000,Derby,\nTea,,Derby,\nTea,5,Derby,0\nTea,5,Derby,1001\nTea,-5,Derby,1000\n",
			want(`2: weight: must be a whole number of kilograms, not "heavy"`, `3: weight: must be a whole number of kilograms, not "5.5"`,
				`4: weight: must be a whole number of kilograms, not "3000000000"`, `5: weight: must be a whole number of kilograms, not ""`,
				`6: containers: must be a whole number from 1 to 1000, not "0"`, `7: containers: must be a whole number from 1 to 1000, not "1001"`,
				"8: Tea, -5 kg, 1000x Derby ")},
		{"CSV, stray quotes", "a.csv", "description,weight,origin\n5\" pipe,5,Derby\n\"Tea\" green,5,Derby\n\"Tea,5,Derby\n\"Coffee\",6,\"Hull\"\n",
			want(`2: has a " where none may be; a text with " in it is put in quotes, each " in it doubled`,
				`3: has a " where none may be; a text with " in it is put in quotes, each " in it doubled`,
				`4: has a " where none may be; a text with " in it is put in quotes, each " in it doubled`,
				"5: Coffee, 6 kg, 1x Hull ")},
		{"CSV, a quote that is never closed", "a.csv", "description,weight,origin\n\"Tea,5,Derby\nCoffee,6,Hull\n",
			want(`2: has a " that is not closed`, "3: Coffee, 6 kg, 1x Hull ")},
		{"CSV, a quote that is not closed for long", "a.csv", "description,weight,origin\n\"Tea,5,Derby\n" + strings.Repeat("Coffee,6,Hull\n", 30_000),
			append(want(`2: has a " that is not closed`), times(30_000, 3, "Coffee, 6 kg, 1x Hull ")...)},
		{"CSV, long line", "a.csv", "description,weight,origin\n" + long + ",5,Derby\nCoffee,6,Hull\n\"" + long,
			want("2: is longer than 256 KiB", "3: Coffee, 6 kg, 1x Hull ", "4: is longer than 256 KiB")},
		{"CSV, large with its containers", "a.csv", "description,weight,origin,containers\nTea,5," + strings.Repeat("D", 1000) + ",1000\nTea,5,Derby,1000\n",
			want("2: is too large with its containers: 1003000 bytes; at most 256000", "3: Tea, 5 kg, 1000x Derby ")},
		{"CSV, no text later", "a.csv", "description,weight,origin\nCaf" + strings.Repeat("e", sniffed) + "\xe9,5,Derby\nTea\x00,5,Derby\nCoffee,6,Hull\n",
			want("2: is not UTF-8 text", "3: has a zero byte: it is no text", "4: Coffee, 6 kg, 1x Hull ")},
		{"CSV, a report", "a.csv", "line,field,code,error,request_id,description,weight,origin\n17,weight,INVALID_ARGUMENT,\"is not, good\",,Tea,5,Derby\n", want("2: Tea, 5 kg, 1x Derby ")},

		{"NDJSON", "a.ndjson", tea + "\r\n\n  \n" + coffee, want("1: Tea, 5 kg, 1x Derby ", "4: Coffee, 6 kg, 1x Hull v1")},
		{"NDJSON, bad lines", "a.jsonl", "{\n" + `{"weigth": 5}` + "\n[]\n" + `{"description": "` + long + "\"}\n\xff\n" + coffee + "\n",
			want("1: is not JSON: it ends too early; a closing }, ] or \" is missing (column 2)",
				"2: weigth: there is no such field; there are description, weight, containers, vessel_id, customer_id, request_id (column 2)",
				"3: must be an object, { … }, not a list (column 1)", "4: is longer than 256 KiB", "5: is not UTF-8 text", "6: Coffee, 6 kg, 1x Hull v1")},
		{"NDJSON, a report", "a.ndjson", `{"line": 4, "field": "weight", "code": "INVALID_ARGUMENT", "error": "is bad", "order": ` + tea + "}\n" +
			`{"line": 5, "field": "", "code": "INVALID_ARGUMENT", "error": "is bad", "text": "{\"weigth\": 5}"}` + "\n",
			want("1: Tea, 5 kg, 1x Derby ", "2: weigth: there is no such field; there are description, weight, containers, vessel_id, customer_id, request_id (column 2)")},

		{"JSON", "a.json", "\n[" + tea + ",\n" + coffee + "]\n", want("1: Tea, 5 kg, 1x Derby ", "2: Coffee, 6 kg, 1x Hull v1")},
		{"JSON, empty", "a.json", "[ ]", nil},
		{"JSON, brackets in a text", "a.json", `[{"description": "]}\"[{\\", "weight": 5, "containers": [{"origin": "Derby"}]}]`, want(`1: ]}"[{\, 5 kg, 1x Derby `)},
		{"JSON, bad items", "a.json", "[5,\n \"[\" , null,{\"weight\":5,},\n{\n  \"weigth\": 5},[" + long + "],{\"weight\": \"" + long + "\"}," + coffee + "]",
			want("1: must be an object, { … }, not a number (column 1)", "2: must be an object, { … }, not text (column 1)", "3: must be an object, { … }, not null (column 1)",
				"4: is not JSON: invalid character '}' looking for beginning of object key string (column 13)",
				"5: weigth: there is no such field; there are description, weight, containers, vessel_id, customer_id, request_id (line 4, column 3)",
				"6: is longer than 256 KiB", "7: is longer than 256 KiB", "8: Coffee, 6 kg, 1x Hull v1")},
		{"by the first byte, array", "orders", "[" + tea + "]", want("1: Tea, 5 kg, 1x Derby ")},
		{"by the first byte, objects", "orders.json", " " + tea, want("1: Tea, 5 kg, 1x Derby ")},
		{"by the first byte, objects of which the first is damaged", "orders.json", `{"weight": 5,` + "\n" + coffee,
			want("1: is not JSON: it ends too early; a closing }, ] or \" is missing (column 14)", "2: Coffee, 6 kg, 1x Hull v1")},
		{"by the first byte, CSV", "orders.txt", "weight,origin,description\n5,Derby,Tea", want("2: Tea, 5 kg, 1x Derby ")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := readAll(t, tt.file, tt.text, "")
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%v, got\n%.3000s\nwant\n%.3000s", err, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func times(n, from int, text string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%d: %s", from+i, text)
	}
	return all
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const known = "; there are the columns description, weight, origin, containers, vessel_id, customer_id, request_id"
	tests := []struct {
		name, file, text string
		format           Format
		lines            int // before the error
		want             string
	}{
		{"empty", "a.csv", "", "", 0, "a.csv: is empty"},
		{"blank", "a", " \r\n\n", "", 0, "a: is empty"},
		{"mark alone", "a.json", "\ufeff", "", 0, "a.json: is empty"},
		{"gzip", "a.csv.gz", "\x1f\x8b\x08\x00\x00", "", 0, "a.csv.gz: is compressed; unpack it first, for instance with gunzip"},
		{"spreadsheet", "a.csv", "PK\x03\x04\x14", "", 0, "a.csv: is a ZIP file or a spreadsheet; save it as CSV in UTF-8 first"},
		{"UTF-16", "a.csv", "\xff\xfed\x00e\x00", "", 0, "a.csv: is UTF-16; save it as UTF-8 first"},
		{"binary", "a.csv", "\x7fELF\x02\x00", "", 0, "a.csv: is a binary file, neither JSON nor CSV"},
		{"Latin 1", "a.csv", "description,weight,origin\nCaf\xe9,5,Derby\n", "", 0, "a.csv: line 2: is not UTF-8 text"},
		{"wrong header", "a.csv", "\ncontents,weight,weight,,origin\n", "", 0, `a.csv: line 2: there is no such column as "contents"; the column weight is there twice; column 4 has no name; the column description is missing` + known},
		{"semicolons", "a.csv", "description;weight;origin\n", "", 0, `a.csv: line 1: there is no such column as "description;weight;origin"; ` +
			`the column description is missing; the column weight is missing; the column origin is missing` + known + ", separated by commas"},
		{"no header", "a.csv", "Tea,5,Derby\n", "", 0, `a.csv: line 1: there is no such column as "tea"; there is no such column as "5"; there is no such column as "derby"; ` +
			`the column description is missing; the column weight is missing; the column origin is missing` + known},
		{"header with a quote", "a.csv", "description,\"weight,origin\n", "", 0, `a.csv: line 1: the header has a " that is not closed`},
		{"header too long", "a.csv", strings.Repeat("x", MaxText+1), "", 0, "a.csv: line 1: the header is longer than 256 KiB"},
		{"no array", "a.json", "\n{}", JSON, 0, "a.json: line 2: must be a list, [ … ]; for an object a line say --format ndjson, for CSV --format csv"},
		{"array ends early", "a.json", "[" + tea + ",\n", "", 1, "a.json: line 2: is not JSON: it ends too early, after item 1; a closing }, ] or \" is missing"},
		{"item ends early", "a.json", "[" + tea + ",\n{\"weight\": 5", "", 1, "a.json: line 2: is not JSON: it ends too early, after item 2; a closing }, ] or \" is missing"},
		{"text ends early", "a.json", "[" + tea + ",\n{\"weight\": \"\\", "", 1, "a.json: line 2: is not JSON: it ends too early, after item 2; a closing }, ] or \" is missing"},
		{"no comma", "a.json", "[" + tea + "\n" + tea, "", 1, "a.json: line 2: is not JSON: there must be , or ] after item 1, not '{'"},
		{"two commas", "a.json", "[" + tea + ",,", "", 1, "a.json: line 1: is not JSON: there must be an item before ','"},
		{"comma at the end", "a.json", "[" + tea + ",]", "", 1, "a.json: line 1: is not JSON: there must be an item before ']'"},
		{"wrong bracket", "a.json", "[" + tea + ",\n\n{\"containers\": [}, " + tea, "", 1, "a.json: line 3: is not JSON: '}' in item 2 closes nothing"},
		{"no closing quote", "a.json", "[" + tea + ",\n{\"description\": \"Tea,\n \"weight\": 5}]", "", 1, "a.json: line 2: is not JSON: a line ends within a text; a closing \" is missing in item 2"},
		{"deep", "a.json", strings.Repeat("[", 100), "", 0, "a.json: line 1: item 1 nests deeper than 64"},
		{"more", "a.json", "[]\n[]", "", 0, "a.json: line 2: is not JSON: more follows after the list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := readAll(t, tt.file, tt.text, tt.format)
			if err == nil || err.Error() != tt.want || len(got) != tt.lines {
				t.Errorf("got %v and\n%v\nwant\n%s", got, err, tt.want)
			}
			if _, ok := errors.AsType[*document.Error](err); !ok {
				t.Errorf("it is a %T", err)
			}
		})
	}
}

// The order of bytes as a pipe brings them makes no difference.
func TestReadsFromASlowPipe(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"description,weight,origin\n\"Tea, \"\"green\"\"\r\n\",5,Derby\r\n\"Coffee,6,Hull\n",
		tea + "\n" + coffee, "[" + tea + ", " + coffee + "]",
	} {
		want, err := readAll(t, "orders", text, "")
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open("orders", iotest.OneByteReader(strings.NewReader(text)), "")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			l, err := f.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(want[n], fmt.Sprint(l.Number)) {
				t.Errorf("line %d, want %s", l.Number, want[n])
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%d lines of %q, want %d", n, text, len(want))
		}
	}
}

func TestReadFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	for _, format := range []Format{JSON, NDJSON, CSV} {
		text := map[Format]string{JSON: "[" + tea, NDJSON: tea, CSV: "description,weight,origin\n"}[format]
		f, err := Open("a", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), format)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Next()
		}
		if !errors.Is(err, broken) || err.Error() != "a: cannot be read: the disk is broken" {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// Where a line ends is where the next begins.
func TestEnd(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\ufeffdescription,weight,origin\r\nTea,5,Derby\r\n\n\"Coff\nee\",6,Hull\n\"bad\n" + strings.Repeat("y", 300_000) + "\nTea,5,Derby",
		"\ufeff\n" + tea + "\n\n" + coffee + "\r\n", " [" + tea + " ,\n" + coffee + "]",
	} {
		f, err := Open("a", strings.NewReader(text), "")
		if err != nil {
			t.Fatal(err)
		}
		for {
			l, err := f.Next()
			if err != nil {
				break
			}
			if before := strings.TrimRight(text[:l.End], "\r\n"); l.Text != nil && !strings.HasSuffix(before, string(l.Text)) {
				t.Errorf("line %d, %q, ends at %q", l.Number, l.Text, before)
			}
		}
	}
}

// A refused line is there in the report as it was, and can be read again once it is corrected.
func TestRefusedCSV(t *testing.T) {
	t.Parallel()
	const text = "weight,description,origin\n-1,\"Tea, green\",Derby\n5,Tea\n5,Tea,Derby,UK\n\"5,Tea,Derby\n"
	report, again := refuseAll(t, text), ""
	want := "line,field,code,error,request_id,weight,description,origin\n" +
		"2,weight,INVALID_ARGUMENT,is bad,r/2,-1,\"Tea, green\",Derby\n" +
		"3,weight,INVALID_ARGUMENT,is bad,r/3,5,Tea\n" +
		"4,weight,INVALID_ARGUMENT,is bad,r/4,5,Tea,Derby,UK\n" +
		"5,weight,INVALID_ARGUMENT,is bad,r/5,\"\"\"5,Tea,Derby\"\n"
	if report != want {
		t.Errorf("got\n%s\nwant\n%s", report, want)
	}
	got, err := readAll(t, "refused.csv", report, "")
	want = "2: Tea, green, -1 kg, 1x Derby r/2\n3: has 7 columns, the header has 8\n4: has 9 columns, the header has 8\n5: has 6 columns, the header has 8"
	if err != nil || strings.Join(got, "\n") != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, strings.Join(got, "\n"), want)
	}
	if again = refuseAll(t, report); !strings.HasPrefix(again, "line,field,code,error,request_id,weight,description,origin\n2,weight,INVALID_ARGUMENT,is bad,r/2,-1,\"Tea, green\",Derby\n") {
		t.Errorf("a report of the report is\n%s", again)
	}
	// One that lacks as many columns as are remarks would fit the columns of the order.
	if got := refuseAll(t, "line,field,code,error,description,weight,origin\n1,2,3\n"); !strings.HasSuffix(got, ",r/2,\"1,2,3\"\n") {
		t.Errorf("got %s", got)
	}
}

func refuseAll(t *testing.T, text string) string {
	t.Helper()
	f, err := Open("orders.csv", strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	out := csv.NewWriter(&report)
	_ = out.Write(f.RefusedHeader())
	for {
		l, err := f.Next()
		if err != nil {
			break
		}
		about := Refused{Number: l.Number, Field: "weight", Code: "INVALID_ARGUMENT", Reason: "is bad"}
		_ = out.Write(f.RefusedRecord(l, about, fmt.Sprintf("r/%d", l.Number)))
	}
	out.Flush()
	return report.String()
}

func TestRefusedJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{tea, `{"weight": }`} {
		refused := Refused{Number: 7, Code: "INVALID_ARGUMENT", Reason: "is bad"}
		refused.Wrap(Line{Text: []byte(text)})
		data, err := json.Marshal(refused)
		if err != nil {
			t.Fatal(err)
		}
		twice := Refused{Number: 1, Code: "INVALID_ARGUMENT", Reason: "is bad"}
		twice.Wrap(Line{Text: data})
		var inner bytes.Buffer
		if text == tea {
			_ = json.Compact(&inner, twice.Order)
			if order, fault := jsonOrder(Line{Text: data, Row: 1}); fault != nil || order.GetDescription() != "Tea" {
				t.Errorf("%s: %v, %v", data, protojson.Format(order), fault)
			}
		} else {
			inner.WriteString(twice.Text)
		}
		if strings.ReplaceAll(inner.String(), " ", "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("refused twice: %s", inner.String())
		}
	}
}
