package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// image is the container image, unpacked.
type image struct {
	root       string
	env        []string
	entrypoint []string
	dir        string
}

// readImage unpacks an image as deploy/build.sh writes it.
func readImage(ctx context.Context, archive, dir string) (*image, error) {
	for _, sub := range []string{"image", "root"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil { //nolint:gosec // any user runs what is in it
			return nil, err
		}
	}
	if err := command(ctx, "tar", "-xf", archive, "-C", filepath.Join(dir, "image")); err != nil {
		return nil, err
	}
	var manifests []struct {
		Config string
		Layers []string
	}
	var config struct {
		Config struct {
			Env, Entrypoint []string
			WorkingDir      string
		} `json:"config"`
	}
	if err := readJSON(filepath.Join(dir, "image", "manifest.json"), &manifests); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(dir, "image", manifests[0].Config), &config); err != nil {
		return nil, err
	}
	im := &image{root: filepath.Join(dir, "root"), env: config.Config.Env, entrypoint: config.Config.Entrypoint, dir: config.Config.WorkingDir}
	for _, layer := range manifests[0].Layers {
		if err := command(ctx, "tar", "-xzf", filepath.Join(dir, "image", layer), "-C", im.root); err != nil {
			return nil, err
		}
	}
	return im, nil
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file) //nolint:gosec // our own file
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// command runs a program and tells what it said if it fails.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // our own words
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// pod is one pod of the set. Its volumes and its address outlive its container.
type pod struct {
	*manifest
	im    *image
	id    int
	dir   string // of its files
	ip    string
	space string // its network namespace
	run   *exec.Cmd
	ended chan end
	began int // how many containers it has had
}

// end is how a container ended.
type end struct{ err error }

// bundle writes the container's files and configuration for runc.
func (p *pod) bundle() error {
	spec := p.set.Spec.Template.Spec
	c := p.container()
	env, err := p.environment(p.id, p.im.env)
	if err != nil {
		return err
	}
	known := map[string]string{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		known[name] = value
	}
	mounts := []map[string]any{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		bound(filepath.Join(filepath.Dir(p.dir), "hosts"), "/etc/hosts", true),
	}
	for _, m := range c.VolumeMounts {
		source, err := p.volume(m.Name)
		if err != nil {
			return err
		}
		mounts = append(mounts, bound(filepath.Join(source, m.SubPath, expand(m.SubPathExpr, known)), m.MountPath, m.ReadOnly))
	}
	args := append([]string{}, p.im.entrypoint...)
	for _, a := range c.Args {
		args = append(args, expand(a, known))
	}
	var spaces []map[string]any
	for _, kind := range []string{"pid", "mount", "ipc", "uts"} {
		spaces = append(spaces, map[string]any{"type": kind})
	}
	spaces = append(spaces, map[string]any{"type": "network", "path": "/run/netns/" + p.space})
	text, err := json.Marshal(map[string]any{
		"ociVersion": "1.0.2", "root": map[string]any{"path": p.im.root, "readonly": c.SecurityContext.ReadOnlyRootFilesystem},
		"hostname": p.podName(p.id), "mounts": mounts,
		"process": map[string]any{
			"user": map[string]any{"uid": spec.SecurityContext.RunAsUser, "gid": spec.SecurityContext.RunAsGroup, "additionalGids": []int{spec.SecurityContext.FSGroup}},
			"args": args, "env": env, "cwd": p.im.dir, "noNewPrivileges": true, "capabilities": map[string]any{},
		},
		"linux": map[string]any{"namespaces": spaces, "readonlyPaths": []string{"/proc/sys"}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, "config.json"), text, 0o600)
}

func bound(source, at string, readOnly bool) map[string]any {
	how := []string{"rbind", "rw"}
	if readOnly {
		how[1] = "ro"
	}
	return map[string]any{"destination": at, "type": "bind", "source": source, "options": how}
}

// volume makes a volume of the pod, or finds it: files of a ConfigMap, or a directory that only the group of the pod may write to.
func (p *pod) volume(name string) (string, error) {
	dir := filepath.Join(p.dir, "volumes", name)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the pod's user reads it
		return "", err
	}
	for _, v := range p.set.Spec.Template.Spec.Volumes {
		if v.Name != name {
			continue
		}
		if v.ConfigMap.Name == "" {
			return "", fmt.Errorf("volume %s is of a kind that this program does not know", name)
		}
		for file, text := range p.files[v.ConfigMap.Name] {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil { //nolint:gosec // as Kubernetes has it
				return "", err
			}
		}
		return dir, nil
	}
	group := p.set.Spec.Template.Spec.SecurityContext.FSGroup
	return dir, errors.Join(os.Chown(dir, 0, group), os.Chmod(dir, os.ModeSetgid|0o775))
}

// start runs the pod's container.
func (p *pod) start() error {
	if err := p.bundle(); err != nil {
		return err
	}
	p.began++
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p.run = exec.Command("runc", "--root", filepath.Join(filepath.Dir(p.dir), "runc"), "run", "--bundle", p.dir, p.containerName()) //nolint:gosec // our own words
	p.run.Stdout, p.run.Stderr = log, log
	if err := p.run.Start(); err != nil {
		return err
	}
	p.ended = make(chan end, 1)
	go func() { p.ended <- end{p.run.Wait()} }()
	return nil
}

func (p *pod) containerName() string {
	return fmt.Sprintf("rollout-%d-%s-%d", os.Getpid(), p.podName(p.id), p.began)
}

// stop ends the container as Kubernetes does: by SIGTERM, and after the grace period it would be killed, which is a failure here.
func (p *pod) stop(ctx context.Context) error {
	if err := command(ctx, "runc", "--root", filepath.Join(filepath.Dir(p.dir), "runc"), "kill", p.containerName(), "TERM"); err != nil {
		return err
	}
	grace := time.Duration(p.set.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	select {
	case e := <-p.ended:
		p.run = nil
		if e.err != nil {
			return fmt.Errorf("%s: the container did not end with status 0: %w", p.podName(p.id), e.err)
		}
		return nil
	case <-time.After(min(grace, time.Minute)):
		return fmt.Errorf("%s has not ended after %s", p.podName(p.id), min(grace, time.Minute))
	}
}

// remove ends what is left, at the end.
func (p *pod) remove() {
	if p.run == nil {
		return
	}
	_ = command(context.Background(), "runc", "--root", filepath.Join(filepath.Dir(p.dir), "runc"), "delete", "-f", p.containerName())
	<-p.ended
	p.run = nil
}

// ask makes an HTTP probe of the pod once, and tells what it answered.
func (p *pod) ask(ctx context.Context, pr *probe) (bool, string) {
	port, err := p.container().port(pr.HTTPGet.Port)
	if err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(pr.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(p.ip, strconv.Itoa(port))+pr.HTTPGet.Path, nil)
	if err != nil {
		return false, err.Error()
	}
	resp, err := http.DefaultClient.Do(rq)
	if err != nil {
		return false, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode >= 200 && resp.StatusCode < 400, strings.TrimSpace(string(text))
}

// ready waits for the pod as Kubernetes does: started first, then ready, each looked at in its period. It fails when the container ends.
func (p *pod) ready(ctx context.Context, patience time.Duration) (time.Duration, error) {
	began := time.Now()
	c := p.container()
	for _, pr := range []*probe{&c.StartupProbe, &c.ReadinessProbe} {
		for {
			ok, said := p.ask(ctx, pr)
			if ok {
				break
			}
			select {
			case e := <-p.ended:
				p.run = nil
				return 0, fmt.Errorf("%s ended: %w", p.podName(p.id), errors.Join(e.err, errors.New(p.tail())))
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(pr.period()):
			}
			if time.Since(began) > patience {
				return 0, fmt.Errorf("%s is not ready after %s: %s", p.podName(p.id), patience, said)
			}
		}
	}
	return time.Since(began), nil
}

// watch looks at a pod that was started until it is ready: when it served clients, when it was ready, and what it said between.
func (p *pod) watch(ctx context.Context) (serves, ready time.Duration, said string, err error) {
	whole := p.container().ReadinessProbe
	plain := whole
	plain.HTTPGet.Path, _, _ = strings.Cut(plain.HTTPGet.Path, "?")
	for began := time.Now(); time.Since(began) < time.Minute && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if ok, _ := p.ask(ctx, &plain); ok && serves == 0 {
			serves = time.Since(began)
		}
		ok, text := p.ask(ctx, &whole)
		if ok {
			return serves, time.Since(began), said, nil
		}
		if serves > 0 {
			said = text[strings.LastIndex(text, "\n")+1:]
		}
	}
	return 0, 0, "", fmt.Errorf("%s is not ready after a minute: %s", p.podName(p.id), said)
}

// tail is the end of the container's log.
func (p *pod) tail() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(text[max(0, len(text)-2000):])
}
