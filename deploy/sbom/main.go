// Program sbom writes which modules a binary of leat was built from, as the binary itself says (debug/buildinfo), in the form of CycloneDX 1.5.
//
//	go run ./deploy/sbom -binary dist/leat-linux-amd64 -version 1.0 -output dist/leat-linux-amd64.cdx.json
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	binary := flag.String("binary", "", "`FILE` to describe")
	version := flag.String("version", "devel", "`VERSION` of leat")
	output := flag.String("output", "", "`FILE` to write")
	flag.Parse()
	if err := run(*binary, *version, *output); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// component is a part of the binary.
type component struct {
	Type    string           `json:"type"`
	Ref     string           `json:"bom-ref"`
	Name    string           `json:"name"`
	Version string           `json:"version"`
	URL     string           `json:"purl"`
	Hashes  []map[string]any `json:"hashes,omitempty"`
}

func run(binary, version, output string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	main := module("application", "leat", version)
	main.Hashes = hash(hex.EncodeToString(sum[:]))
	parts := []component{module("library", "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := module("library", m.Path, m.Version)
		if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
			if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
				c.Hashes = hash(hex.EncodeToString(raw))
			}
		}
		parts = append(parts, c)
	}
	var on []string
	for _, c := range parts {
		on = append(on, c.Ref)
	}
	text, err := json.MarshalIndent(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": map[string]any{"component": main}, "components": parts,
		"dependencies": []map[string]any{{"ref": main.Ref, "dependsOn": on}},
	}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(output, append(text, '\n'), 0o644) //nolint:gosec // a document to hand out
}

func module(kind, name, version string) component {
	url := "pkg:golang/" + name + "@" + version
	return component{Type: kind, Ref: url, Name: name, Version: version, URL: url}
}

func hash(sum string) []map[string]any {
	return []map[string]any{{"alg": "SHA-256", "content": sum}}
}
