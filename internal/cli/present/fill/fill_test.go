package fill

import (
	"encoding/json"
	"strings"
	"testing"
	"text/template"
)

const sample = `{"name": "orders", "partitions": [{"id": 0, "lag": 9007199254740993}, {"id": 1, "lag": 0}], "healthy": true, "configs": {"b": "2", "a": "1"}, "none": null, "half": 0.5}`

func value(t *testing.T) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(sample))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTemplatesAreFilledAsGoDoes compares with text/template, whose syntax this is.
func TestTemplatesAreFilledAsGoDoes(t *testing.T) {
	for _, text := range []string{
		`plain`, `{{.name}} {{.half}} {{.healthy}}`, `{{range .partitions}}{{.id}}={{.lag}};{{end}}`, `{{range $i, $p := .partitions}}{{$i}}:{{$p.id}} of {{$.name}};{{end}}`,
		`{{range $k, $v := .configs}}{{$k}}{{$v}}{{end}}`, `{{range .missing}}x{{else}}nothing{{end}}`, `{{if .healthy}}yes{{else}}no{{end}}`,
		`{{if .missing}}yes{{else if .name}}named{{end}}`, `{{with .configs}}{{.a}}{{end}}`, `{{len .partitions}} {{len .name}}`, `{{index .configs "a"}}`,
		`{{(index .partitions 1).id}}`, `{{.name | printf "%s!" | len}}`, `{{printf "%s-%v" .name .healthy}}`, `{{- /* nothing */ -}} a {{- " b" }}`,
		`{{$x := "1"}}{{range .partitions}}{{$x = "2"}}{{end}}{{$x}}`, `{{if and .healthy .name}}both{{end}}{{if or .missing .name}}one{{end}}{{not .healthy}}`,
		`{{if eq .name "a" "orders"}}it is{{end}}{{if ne .name "a"}}not a{{end}}{{if lt 1 2}}less{{end}}`,
		`{{range .partitions}}{{.id}}{{break}}{{end}}`, `{{range .partitions}}{{continue}}{{.id}}{{end}}.`,
		`{{range $i := 3}}{{$i}}{{end}}`, ``,
	} {
		var want, got strings.Builder
		reference, err := template.New("").Parse(text)
		if err == nil {
			err = reference.Execute(&want, value(t))
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		own, err := Parse(text)
		if err == nil {
			err = own.Execute(&got, value(t))
		}
		if err != nil || got.String() != want.String() {
			t.Errorf("%s\nis %q (%v)\nnot %q", text, got.String(), err, want.String())
		}
	}
}

func TestWhatGoDoesOtherwise(t *testing.T) {
	for text, want := range map[string]string{
		`{{range .partitions}}{{with .id}}{{$.name}}{{end}}{{end}}`: "orders", `{{print 1 2.5 "x"}}`: "12.5x",
		`{{.none}}{{.missing}}{{.missing.deeper}}`: "", `{{.configs}}`: `{"a":"1","b":"2"}`, `{{.name | upper}} {{"A" | lower}} {{hex "a"}} {{base64 "a"}}`: "ORDERS a 61 YQ==",
		`{{json .partitions}}`: `[{"id":0,"lag":9007199254740993},{"id":1,"lag":0}]`, `{{if eq (index .partitions 0).id 0}}zero{{end}}`: "zero",
		`{{printf "%03d" (index .partitions 1).id}}`: "001", `{{if gt (index .partitions 0).lag 5}}behind{{end}}`: "behind",
	} {
		var got strings.Builder
		own, err := Parse(text)
		if err == nil {
			err = own.Execute(&got, value(t))
		}
		if err != nil || got.String() != want {
			t.Errorf("%s is %q (%v), not %q", text, got.String(), err, want)
		}
	}
}

func TestNamesThatOnlySomeValuesHave(t *testing.T) {
	own, err := Parse(`{{.Header.a}}{{.Header.b}}{{index .Header "x-y"}}{{len .Header}}{{if .Header}}!{{end}}{{range $k, $v := .Header}}{{$k}}{{end}}`, Strict())
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := own.Execute(&got, map[string]any{"Header": Open{"a": "1", "x-y": "2"}}); err != nil || got.String() != "122!ax-y" {
		t.Errorf("%q, %v", got.String(), err)
	}
}

func TestWrongTemplates(t *testing.T) {
	for text, want := range map[string]string{
		`{{`: "unclosed action", `{{.a | nonsense}}`: `function "nonsense" not defined`, `{{define "x"}}{{end}}`: "no definitions", `{{template "x"}}`: "not supported",
	} {
		own, err := Parse(text)
		if err == nil {
			err = own.Execute(&strings.Builder{}, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`{{.nonsense}}`: ".nonsense: there is no such name", `{{.name.x}}`: ".x: ", `{{index .partitions 9}}`: "not within a list of 2", `{{range .name}}{{end}}`: "is no list",
		`{{len .healthy}}`: "has no length", `{{.name "x"}}`: "is no function", `{{break}}`: "{{break}} outside", `{{index .name 1}}`: "has nothing in it", `{{upper}}`: "wrong number",
		`{{range 9999999}}{{end}}`: "is no list",
	} {
		own, err := Parse(text, Strict())
		var out strings.Builder
		if err == nil {
			err = own.Execute(&out, value(t))
		}
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: %v, not %q; %q was written", text, err, want, out.String())
		}
	}
}
