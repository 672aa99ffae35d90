package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"leat/interop/ports"
)

// prometheus is a running Prometheus.
type prometheus struct {
	address string
	command *exec.Cmd
	logFile *os.File
}

// patience is how long the slowest thing may take that is waited for. Only a failure takes it.
const patience = 2 * time.Minute

// sooner are the rules with nothing to wait for, with rates of the last seconds, and with what comes in a minute for what comes in a day. The rest stays as it is.
var sooner = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`(?m)^(\s+)for: .*$`), "${1}for: 1s"},
	{regexp.MustCompile(`\[5m\]`), "[15s]"},
	{regexp.MustCompile(`\[6h\], 24 \* 3600\)`), "[15s], 60)"},
	{regexp.MustCompile(`\[6h\]\) > 100`), "[15s]) > 5"},
}

// shared is the idleness below which a node is busy, on a machine where others take their part of the processors, as in a gate.
var shared = regexp.MustCompile(`(networkprocessoravgidle_percent) < 0.1`)

// watch starts Prometheus with the rules of this repository, which have nothing to wait for here.
func (r *run) watch(binary string) error {
	var files []string
	for _, name := range []string{"leat-alerts.yml", "strimzi-names.yml"} {
		text, err := os.ReadFile(filepath.Join(r.deploy, "prometheus", name))
		if err != nil {
			return err
		}
		file := filepath.Join(r.dir, name)
		for _, change := range sooner {
			text = change.what.ReplaceAll(text, []byte(change.by))
		}
		if r.short {
			text = shared.ReplaceAll(text, []byte("${1} < 0.6"))
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
		files = append(files, file)
	}
	config := filepath.Join(r.dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte(r.configuration(files)), 0o600); err != nil {
		return err
	}
	at, err := ports.Addresses(1)
	if err != nil {
		return err
	}
	p := &prometheus{address: at[0]}
	if p.logFile, err = os.Create(filepath.Join(r.dir, "prometheus.log")); err != nil {
		return err
	}
	p.command = exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(r.dir, "tsdb"), "--web.listen-address="+p.address)
	p.command.Stdout, p.command.Stderr = p.logFile, p.logFile
	if err := p.command.Start(); err != nil {
		return err
	}
	r.prometheus = p
	return r.eventually("Prometheus has seen all nodes often enough for rates", func() error {
		n, err := p.count(r.ctx, `count_over_time(up[1m]) >= 4 and up == 1`)
		if err == nil && n != nodes {
			err = fmt.Errorf("%d of %d nodes", n, nodes)
		}
		return err
	})
}

// configuration scrapes the nodes with the labels that Strimzi's monitors give to pods.
func (r *run) configuration(rules []string) string {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files:\n")
	for _, f := range rules {
		fmt.Fprintf(&b, "  - %s\n", f)
	}
	b.WriteString("scrape_configs:\n  - job_name: leat\n    static_configs:\n")
	for i, n := range r.nodes {
		fmt.Fprintf(&b, "      - targets: ['%s']\n        labels: {cluster: my, namespace: %s, strimzi_io_cluster: my, strimzi_io_name: my-kafka, strimzi_io_kind: Kafka, "+
			"strimzi_io_component_type: kafka, strimzi_io_broker_role: 'true', kubernetes_pod_name: my-kafka-%d, pod: my-kafka-%d, container: kafka, "+
			"persistentvolumeclaim: data-0-my-kafka-%d}\n", n.Operations(), namespace, i, i, i)
	}
	fmt.Fprintf(&b, "  - job_name: stray\n    static_configs:\n      - targets: ['%s']\n        labels: {cluster: my}\n", r.stray.Operations())
	return b.String()
}

func (p *prometheus) stop() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait() // killed
	_ = p.logFile.Close()
}

// count asks for the number of series that a query returns.
func (p *prometheus) count(ctx context.Context, query string) (int, error) {
	series, err := p.query(ctx, query)
	return len(series), err
}

// query asks for the labels of the series that a query returns.
func (p *prometheus) query(ctx context.Context, query string) ([]map[string]string, error) {
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(query), &answer)
	var out []map[string]string
	for _, one := range answer.Data.Result {
		out = append(out, one.Metric)
	}
	return out, err
}

// firing are the labels of the alerts that fire.
func (p *prometheus) firing(ctx context.Context) ([]map[string]string, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if err := p.get(ctx, "/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	var out []map[string]string
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			out = append(out, a.Labels)
		}
	}
	return out, nil
}

// rules are the names of all alerts that Prometheus knows.
func (p *prometheus) rules(ctx context.Context) (map[string]bool, error) {
	var answer struct {
		Data struct {
			Groups []struct{ Rules []struct{ Name, Type string } }
		}
	}
	if err := p.get(ctx, "/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, g := range answer.Data.Groups {
		for _, one := range g.Rules {
			if one.Type == "alerting" {
				out[one.Name] = true
			}
		}
	}
	return out, nil
}

func (p *prometheus) get(ctx context.Context, path string, answer any) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(rq)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// eventually waits until something holds.
func (r *run) eventually(what string, holds func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := holds()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %s: %w", patience, what, err)
		}
		select {
		case <-r.ctx.Done():
			return errors.Join(err, r.ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
