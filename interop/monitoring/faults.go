package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leat/interop/pressure"
)

// fault is one thing that goes wrong, and the alerts that must fire on it and, until it happens, not.
type fault struct {
	name   string
	do     func() error
	alerts []alert
	mend   func() error // nil: it stays broken, and its alerts may go on firing
}

// alert is a rule and, where several things could set it off, what it must be about.
type alert struct {
	name  string
	about map[string]string
}

func on(names ...string) (out []alert) {
	for _, n := range names {
		out = append(out, alert{name: n})
	}
	return out
}

func (a alert) String() string { return a.name }

// among reports whether it is one of those.
func (a alert) among(firing []map[string]string) bool {
	return slices.ContainsFunc(firing, func(labels map[string]string) bool {
		for k, v := range a.about {
			if labels[k] != v {
				return false
			}
		}
		return labels["alertname"] == a.name
	})
}

// batches are the faults in their order. What stands in one batch may be injected side by side: each alert tells what it is about.
func (r *run) batches() [][]fault {
	at := func(node int) map[string]string { return map[string]string{"instance": r.nodes[node-1].Operations()} }
	small := at(diskNode)
	small["dir"] = r.diskDir
	all := [][]fault{{
		{"a group is behind", r.leaveBehind, []alert{{"LeatConsumerLag", map[string]string{"group": behind, "topic": strict}}}, nil},
		{"a client over its quota", r.overQuota, []alert{{"LeatClientsThrottled", map[string]string{"client_id": greedy}}}, nil},
		{"a transaction left open", r.leaveOpen, on("LeatHangingTransaction"), nil},
		{"wrong passwords", r.guess, []alert{{"LeatAuthenticationFailures", map[string]string{"listener": "LOGIN", "instance": r.nodes[0].Operations()}}}, r.stopGuessing},
		{"a certificate at its end", func() error { return writeCertificate(r.pem, 5*24*time.Hour) }, on("LeatCertificateExpires"), nil},
		{"a handler that panics", r.breakHandler, []alert{{"LeatHandlerFailed", at(brokenNode)}}, nil},
	}, {
		{"few files left", r.limitFiles, []alert{{"LeatFewFiles", at(1)}}, r.unlimitFiles},
		{"more to compress than time", r.hammer, []alert{{"LeatBusy", at(slowNode)}}, r.stopHammering},
		{"two clusters under one name", r.startStray, on("LeatSeveralActiveControllers"), r.stopStray},
	}}
	if r.disk == nil {
		all[1] = append(all[1], fault{"a disk almost full", func() error { return r.raiseMark("leat.disk.soft.free.bytes") }, on("LeatDiskAlmostFull"), nil})
		all = append(all, []fault{{"a disk full", func() error { return r.raiseMark("leat.disk.hard.free.bytes") }, on("LeatDiskFull"), nil}})
	} else {
		all[1] = append(all[1], fault{"a disk fills up", r.fillUp, []alert{{"LeatDiskFullSoon", small}}, r.stopFilling})
		all = append(all,
			[]fault{{"a disk almost full", func() error { return r.disk.leave((softMark + hardMark) / 2) }, []alert{{"LeatDiskAlmostFull", small}}, nil}},
			[]fault{{"a disk full", func() error { return r.disk.leave(hardMark / 2) }, []alert{{"LeatDiskFull", small}}, func() error { return r.disk.leave(diskBytes / 2) }}})
	}
	all = append(all,
		[]fault{{"a node killed, the last in sync", r.killLastInSync,
			on("LeatNodeDown", "LeatBrokersFenced", "LeatUnderReplicated", "LeatUnderMinIsr", "LeatOfflinePartitions", "LeatUncleanElection"), nil}},
		[]fault{{"queries about faults", func() error { return r.ask(strimziRows("after a fault"), "strimzi, after a fault,") }, nil, nil}})
	if r.disk != nil {
		all = append(all, []fault{{"a disk that dies", r.disk.die, []alert{{"LeatLogDirectoryOffline", map[string]string{"instance": small["instance"]}}}, nil}})
	}
	return append(all, []fault{{"a majority killed", r.killMajority, on("LeatNoActiveController"), nil}})
}

// faults brings about one batch after the other, or each fault for itself. What is mended must go silent where there is time to look.
func (r *run) faults() error {
	batches := r.batches()
	if err := r.everyRule(batches); err != nil {
		return err
	}
	if !r.short {
		var each [][]fault
		for _, b := range batches {
			for _, f := range b {
				each = append(each, []fault{f})
			}
		}
		batches = each
	}
	before := map[string]bool{}
	for _, b := range batches {
		if err := r.inject(b, before); err != nil {
			return err
		}
	}
	return nil
}

// everyRule wants each rule of the file to have its fault.
func (r *run) everyRule(batches [][]fault) error {
	rules, err := r.prometheus.rules(r.ctx)
	if err != nil {
		return err
	}
	for _, b := range batches {
		for _, f := range b {
			for _, a := range f.alerts {
				if !rules[a.name] {
					return fmt.Errorf("%s: there is no rule %s, or it has two faults", f.name, a.name)
				}
				delete(rules, a.name)
			}
		}
	}
	if r.disk == nil {
		fmt.Println("monitoring  NOT TRIED without a disk of its own: LeatDiskFullSoon, LeatLogDirectoryOffline")
		delete(rules, "LeatDiskFullSoon")
		delete(rules, "LeatLogDirectoryOffline")
	}
	if len(rules) > 0 {
		return fmt.Errorf("no fault is injected for %v", names(rules))
	}
	return nil
}

// inject brings about a batch and waits for the alerts of each.
func (r *run) inject(batch []fault, before map[string]bool) error {
	began, took := map[string]time.Time{}, map[string]time.Duration{}
	wanted := maps.Clone(before)
	var title []string
	for _, f := range batch {
		title = append(title, f.name)
		began[f.name] = time.Now()
		if err := f.do(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		for _, a := range f.alerts {
			wanted[a.name] = true
		}
	}
	shown := map[string]bool{}
	var stays error // that a fault was not mended
	err := r.eventually(strings.Join(title, ", "), func() error {
		err := r.fire(batch, wanted, took, func(a alert, of fault) { r.note(took, a, began[of.name]) })
		stays = errors.Join(stays, r.mendShown(batch, took, shown))
		return errors.Join(err, stays)
	})
	if err != nil {
		return err
	}
	for _, f := range batch {
		var told []string
		for _, a := range f.alerts {
			told = append(told, fmt.Sprintf("%s after %.1f s", a.name, took[a.name].Seconds()))
		}
		fmt.Printf("monitoring  %-32s -> %s\n", f.name, strings.Join(told, ", "))
	}
	return r.mend(batch, wanted, before, shown)
}

// mendShown mends, of faults side by side, each as soon as its alerts have fired: one that takes a processor or files away would keep the others from showing.
func (r *run) mendShown(batch []fault, fired map[string]time.Duration, shown map[string]bool) error {
	if !r.short {
		return nil
	}
	var all []error
	for _, f := range batch {
		if shown[f.name] || f.mend == nil || slices.ContainsFunc(f.alerts, func(a alert) bool { return fired[a.name] == 0 }) {
			continue
		}
		shown[f.name] = true
		if err := f.mend(); err != nil {
			all = append(all, fmt.Errorf("mend: %s: %w", f.name, err))
		}
	}
	return errors.Join(all...)
}

// note keeps when an alert was first seen.
func (*run) note(took map[string]time.Duration, a alert, began time.Time) {
	if took[a.name] == 0 {
		took[a.name] = time.Since(began)
	}
}

// mend undoes what can be undone and is not yet, and wants silence about it if there is time. before comes to hold what may go on firing.
func (r *run) mend(batch []fault, wanted, before, already map[string]bool) error {
	mended := map[string]bool{}
	for _, f := range batch {
		if f.mend == nil || already[f.name] {
			continue
		}
		if err := f.mend(); err != nil {
			return fmt.Errorf("mend: %s: %w", f.name, err)
		}
		for _, a := range f.alerts {
			mended[a.name] = true
		}
	}
	maps.Copy(before, wanted)
	if r.short || len(mended) == 0 {
		return nil
	}
	return r.eventually("silence after "+batch[0].name, func() error {
		firing, err := r.prometheus.firing(r.ctx)
		if err != nil {
			return err
		}
		for _, labels := range firing {
			if mended[labels["alertname"]] {
				return fmt.Errorf("%v fires still", labels)
			}
		}
		for name := range mended {
			delete(before, name)
		}
		return nil
	})
}

// fire wants the alerts of a batch to fire or to have fired, and none now but those that are wanted. seen is told of each that does; some faults last only for
// a while, which may be over before another shows.
func (r *run) fire(batch []fault, wanted map[string]bool, fired map[string]time.Duration, seen func(a alert, of fault)) error {
	firing, err := r.prometheus.firing(r.ctx)
	if err != nil {
		return err
	}
	for _, f := range batch {
		for _, a := range f.alerts {
			if a.among(firing) {
				seen(a, f)
			} else if fired[a.name] == 0 {
				err = errors.Join(err, fmt.Errorf("%s %v does not fire, only %v", a.name, a.about, firing))
			}
		}
	}
	for _, labels := range firing {
		if name := labels["alertname"]; !wanted[name] {
			err = errors.Join(err, fmt.Errorf("%s fires, too: %v", name, labels))
		}
	}
	return err
}

// silence wants no alert while all is well, at each look for some seconds. In the short form, which runs beside other things, the seconds begin anew if processes had
// to wait for a processor or a disk in most of them: on a machine that stands still all is not well.
func (r *run) silence() error {
	for until := time.Now().Add(patience); ; {
		span := pressure.Begin()
		err := r.silent(span)
		if err == nil || !r.short || span.Own() > span.Took()/2 || time.Now().After(until) {
			return err
		}
		fmt.Printf("monitoring  (the machine is busy: %v)\n", err)
		pause(r.ctx, time.Second)
	}
}

func (r *run) silent(span pressure.Span) error {
	for ; span.Took() < r.quiet; pause(r.ctx, 200*time.Millisecond) {
		firing, err := r.prometheus.firing(r.ctx)
		if err == nil && len(firing) > 0 {
			err = fmt.Errorf("alerts fire although all is well: %v", firing)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func names(of map[string]bool) []string { return slices.Sorted(maps.Keys(of)) }
