package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed strimzi.tsv
var strimziQueries string

// selectors are the variables of Strimzi's dashboards, as Grafana would fill them in.
var selectors = strings.NewReplacer(
	"{CLUSTER}", `{namespace="ns",strimzi_io_cluster="my"}`,
	"{NODE}", `{namespace="ns",strimzi_io_cluster="my",kubernetes_pod_name=~"my-.*"}`,
	"{NODE,", `{namespace="ns",strimzi_io_cluster="my",kubernetes_pod_name=~"my-.*",`,
	"TOPIC}", `topic=~".+",topic!=""}`,
	"{JVM}", `{namespace="ns",kubernetes_pod_name=~"my-.*",strimzi_io_name="my-kafka"}`,
	"{LAG}", `{namespace=~"ns",strimzi_io_cluster=~"my"}`,
)

// strimzi has all queries answered that have an answer while all is well.
func (r *run) strimzi() error { return r.ask(strimziRows(""), "strimzi") }

// strimziRows are the queries that have an answer at some time.
func strimziRows(when string) []string {
	var out []string
	for line := range strings.Lines(strimziQueries) {
		row := strings.Split(strings.TrimSpace(line), "\t")
		if len(row) == 3 && !strings.HasPrefix(row[0], "#") && row[1] == when {
			out = append(out, selectors.Replace(row[2]))
		}
	}
	return out
}

// ask wants data from each query.
func (r *run) ask(queries []string, of string) error {
	left := slices.Clone(queries)
	err := r.eventually(of+": every query returns data", func() error {
		var problem error
		left = slices.DeleteFunc(left, func(q string) bool {
			n, err := r.prometheus.count(r.ctx, q)
			if err != nil {
				problem = errors.Join(problem, fmt.Errorf("%s: %w", q, err))
			}
			return err == nil && n > 0
		})
		if len(left) > 0 {
			return errors.Join(problem, fmt.Errorf("%d of %d have none: %s", len(left), len(queries), strings.Join(left, "; ")))
		}
		return nil
	})
	if err == nil {
		fmt.Printf("monitoring  %d queries of %s return data\n", len(queries), of)
	}
	return err
}

var variable = regexp.MustCompile(`\$\{?([a-z_]+)\}?`)

// board is what is looked at of a dashboard. What else stands in it deploy/grafana/check holds against Grafana's types.
type board struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Query string }
	}
	Panels []panel
}

type panel struct {
	ID                 int
	Title, Description string
	FieldConfig        struct{ Defaults struct{ Unit string } }
	Targets            []struct{ Expr, LegendFormat, RefID string }
}

// dashboards has leat's own queries answered.
func (r *run) dashboards() error {
	files, err := filepath.Glob(filepath.Join(r.deploy, "grafana", "*.json"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("there are no dashboards"))
	}
	var queries []string
	uids := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		var b board
		if err := json.Unmarshal(text, &b); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		if uids[b.UID] || b.UID == "" {
			return fmt.Errorf("%s: uid %q is taken, or none", f, b.UID)
		}
		uids[b.UID] = true
		if err := b.check(); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		for _, p := range b.Panels {
			for _, t := range p.Targets {
				queries = append(queries, variable.ReplaceAllString(t.Expr, ".*"))
			}
		}
	}
	return r.ask(queries, "leat's dashboards")
}

// check wants everything of a dashboard that people read, and variables that are defined before they are used.
func (b *board) check() error {
	known := map[string]bool{}
	for _, v := range b.Templating.List {
		for _, used := range variable.FindAllStringSubmatch(v.Query, -1) {
			if !known[used[1]] {
				return fmt.Errorf("variable %s: its query uses %s, which is not defined before", v.Name, used[0])
			}
		}
		known[v.Name] = true
	}
	ids := map[int]bool{}
	for _, p := range b.Panels {
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || ids[p.ID] {
			return fmt.Errorf("panel %d %q: it lacks title, description, unit or queries, or its id is taken", p.ID, p.Title)
		}
		ids[p.ID] = true
		refs := map[string]bool{}
		for _, t := range p.Targets {
			if t.LegendFormat == "" || refs[t.RefID] {
				return fmt.Errorf("panel %q: query %s lacks a legend, or its name is taken", p.Title, t.RefID)
			}
			refs[t.RefID] = true
			for _, used := range variable.FindAllStringSubmatch(t.Expr, -1) {
				if !known[used[1]] {
					return fmt.Errorf("panel %q: %s is not defined", p.Title, used[0])
				}
			}
		}
	}
	return nil
}

// check has promtool look at the rules and at a scrape.
func (r *run) check() error {
	rules, err := filepath.Glob(filepath.Join(r.deploy, "prometheus", "*.yml"))
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(r.ctx, r.promtool, append([]string{"check", "rules"}, rules...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("promtool check rules: %w\n%s", err, out)
	}
	for _, each := range []string{"false", "true"} {
		resp, err := http.Get("http://" + r.nodes[0].Operations() + "/metrics?partitions=" + each)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it is read
		if err != nil {
			return err
		}
		command := exec.CommandContext(r.ctx, r.promtool, "check", "metrics")
		command.Stdin = strings.NewReader(string(text))
		out, err := command.CombinedOutput()
		if err := lint(string(out), err); err != nil {
			return err
		}
	}
	return nil
}

// olderName is in milliseconds and says so, which is not how Prometheus would have it: others know it by now.
const olderName = "leat_delay_late_ms"

// lint is what promtool says of the metrics. That names of Kafka's are not as Prometheus would have them is not to be changed; leat's own must be.
func lint(out string, err error) error {
	const lintOnly = 3
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != lintOnly) {
		return fmt.Errorf("promtool check metrics: %w\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "leat_") && name != olderName {
			return fmt.Errorf("promtool check metrics: %s", line)
		}
	}
	return nil
}
