// Program image builds the container image of leat as a file, without a container daemon and without a base image: a tar archive that is an OCI
// image layout and a `docker load` archive at once.
//
//	go run ./deploy/image -binary amd64=dist/leat-linux-amd64 -binary arm64=dist/leat-linux-arm64 -tag leat:1.0 -output dist/leat-image.tar
//
// The same binaries give the same bytes: nothing in the archive depends on when or where it is built.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run() error {
	binaries := map[string]string{}
	var order []string
	flag.Func("binary", "`ARCHITECTURE=FILE` of a static binary for linux; may be repeated", func(text string) error {
		architecture, file, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q is not ARCHITECTURE=FILE", text)
		}
		binaries[architecture] = file
		order = append(order, architecture)
		return nil
	})
	tag := flag.String("tag", "leat:latest", "`NAME:TAG` that docker load gives the image")
	version := flag.String("version", "devel", "`VERSION` in the labels")
	authorities := flag.String("authorities", "/etc/ssl/certs/ca-certificates.crt", "`FILE` of certificates that TLS clients in the image trust")
	output := flag.String("output", "leat-image.tar", "`FILE` to write")
	flag.Parse()
	if len(order) == 0 {
		return fmt.Errorf("-binary is needed: for instance -binary amd64=leat")
	}
	trusted, err := os.ReadFile(*authorities)
	if err != nil {
		return fmt.Errorf("-authorities: %w", err)
	}
	a := &archive{tag: *tag, version: *version, blobs: map[string][]byte{}}
	for _, architecture := range order {
		binary, err := os.ReadFile(binaries[architecture])
		if err != nil {
			return fmt.Errorf("-binary: %w", err)
		}
		if err := a.add(architecture, files(binary, trusted)); err != nil {
			return err
		}
	}
	return a.write(*output)
}

// entry is a file or directory of the image.
type entry struct {
	name string
	mode int64
	data []byte // nil: a directory
}

// nobody is the user that the image runs as unless told otherwise. Any other does as well: nothing in the image belongs to somebody.
const nobody = "65532"

func files(binary, trusted []byte) []entry {
	return []entry{
		{"etc/", 0o755, nil},
		{"etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\nleat:x:" + nobody + ":0:leat:/var/lib/leat:/sbin/nologin\n")},
		{"etc/group", 0o644, []byte("root:x:0:\n")},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, trusted},
		{"tmp/", 0o1777, nil},
		{"usr/", 0o755, nil},
		{"usr/bin/", 0o755, nil},
		{"usr/bin/leat", 0o755, binary},
		{"var/", 0o755, nil},
		{"var/lib/", 0o755, nil},
		{"var/lib/leat/", 0o1777, nil}, // whoever runs it: a volume takes these permissions over
	}
}

// layer packs entries, and gives the digest of what they are unpacked.
func layer(entries []entry) (packed []byte, unpacked string, err error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, "", err
	}
	digest := sha256.New()
	w := tar.NewWriter(io.MultiWriter(zip, digest))
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if e.data == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, "", err
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	if err := zip.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), "sha256:" + hex.EncodeToString(digest.Sum(nil)), nil
}

// archive is the image as a file.
type archive struct {
	tag, version string
	blobs        map[string][]byte // by digest
	order        []string
	manifests    []descriptor
	docker       []map[string]any
}

// descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    map[string]string `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (a *archive) blob(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(data)}
	if a.blobs[d.Digest] == nil {
		a.order = append(a.order, d.Digest)
	}
	a.blobs[d.Digest] = data
	return d
}

// add makes the image of one architecture.
func (a *archive) add(architecture string, entries []entry) error {
	packed, unpacked, err := layer(entries)
	if err != nil {
		return err
	}
	content := a.blob("application/vnd.oci.image.layer.v1.tar+gzip", packed)
	text, err := json.Marshal(a.config(architecture, unpacked))
	if err != nil {
		return err
	}
	config := a.blob("application/vnd.oci.image.config.v1+json", text)
	if text, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []descriptor{content},
	}); err != nil {
		return err
	}
	d := a.blob("application/vnd.oci.image.manifest.v1+json", text)
	d.Platform = map[string]string{"os": "linux", "architecture": architecture}
	a.manifests = append(a.manifests, d)
	a.docker = append(a.docker, map[string]any{"Config": path(config), "RepoTags": []string{a.tag}, "Layers": []string{path(content)}})
	fmt.Printf("%s: layer of %.1f MB, %.1f MB unpacked\n", architecture, float64(len(packed))/1e6, float64(size(entries))/1e6)
	return nil
}

func size(entries []entry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.data)
	}
	return bytes
}

// config is how the image is run: as nobody in particular, with configs by variables as Kafka's image has them, and addresses that follow the client.
func (a *archive) config(architecture, unpacked string) map[string]any {
	return map[string]any{
		"architecture": architecture, "os": "linux", "created": "1970-01-01T00:00:00Z",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{unpacked}},
		"config": map[string]any{
			"User": nobody + ":0", "WorkingDir": "/var/lib/leat", "StopSignal": "SIGTERM",
			"Entrypoint": []string{"/usr/bin/leat"}, "Cmd": []string{"server", "--env", "KAFKA_"},
			"Env": []string{
				"PATH=/usr/bin", "KAFKA_LOG_DIRS=/var/lib/leat", "KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
				"KAFKA_ADVERTISED_LISTENERS=auto", "KAFKA_LEAT_HTTP_LISTENER=0.0.0.0:9644",
			},
			"ExposedPorts": map[string]any{"9092/tcp": struct{}{}, "9644/tcp": struct{}{}},
			"Volumes":      map[string]any{"/var/lib/leat": struct{}{}},
			"Labels": map[string]string{"org.opencontainers.image.title": "leat", "org.opencontainers.image.version": a.version,
				"org.opencontainers.image.description": "An event streaming platform that speaks the Apache Kafka protocol"},
		},
	}
}

// path is where a blob lies in the archive.
func path(d descriptor) string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }

// named is what the tag leads to: the image, or an index of those of all architectures, from which each reader takes its own. There are two ways to say the name:
// that of the layout, and that of containerd, which Docker goes by where it keeps its images there.
func (a *archive) named() (descriptor, error) {
	d := a.manifests[0]
	if len(a.manifests) > 1 {
		const index = "application/vnd.oci.image.index.v1+json"
		text, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": index, "manifests": a.manifests})
		if err != nil {
			return descriptor{}, err
		}
		d = a.blob(index, text)
	}
	full := a.tag
	if !strings.Contains(full, "/") {
		full = "docker.io/library/" + full
	}
	d.Annotations = map[string]string{"org.opencontainers.image.ref.name": a.tag, "io.containerd.image.name": full}
	return d, nil
}

func (a *archive) write(file string) error {
	image, err := a.named()
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	w := tar.NewWriter(out)
	put := func(name string, data []byte) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}
	for _, digest := range a.order {
		if err := put(path(descriptor{Digest: digest}), a.blobs[digest]); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		v    any
	}{
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
		{"index.json", map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []descriptor{image}}},
		{"manifest.json", a.docker[:1]}, // docker load takes one architecture: the first
	} {
		text, err := json.Marshal(f.v)
		if err != nil {
			return err
		}
		if err := put(f.name, text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}
