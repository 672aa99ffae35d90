package server

import (
	"os"
	"slices"
	"strings"

	"leat/internal/config"
	"leat/internal/telemetry"
)

// renewSecrets reads again what values refer to, and takes in what may change while the node runs. What cannot be read leaves what is in use in use.
func (n *node) renewSecrets() {
	if n.Reread == nil || len(n.Values.References().Files) == 0 {
		return
	}
	n.secretsMu.Lock()
	defer n.secretsMu.Unlock()
	fresh, err := n.Reread()
	if err != nil {
		n.logger(telemetry.LogSecurity).Error("values not read again, those in use stay", "err", err)
		return
	}
	changed, later := n.settings.renew(fresh)
	if len(changed) > 0 {
		n.logger(telemetry.LogSecurity).Info("values that stand elsewhere have changed", "keys", strings.Join(changed, ","))
		n.renewSecurity()
	}
	if text := strings.Join(later, ","); text != n.later {
		n.later = text
		if text != "" {
			n.logger(telemetry.LogSecurity).Warn("values that stand elsewhere have changed, and count when the node starts again", "keys", text)
		}
	}
}

// watchSecrets looks from time to time at the files that values refer to.
func (n *node) watchSecrets() {
	interval := n.Values.Millis("leat.ssl.reload.interval.ms")
	if n.Reread == nil || len(n.Values.References().Files) == 0 || interval <= 0 {
		return
	}
	n.watch("secrets", interval, n.renewSecrets)
}

// warnReadable names files with secrets that every user of this machine can read.
func (n *node) warnReadable() {
	files := slices.Concat(n.Holding, n.Values.References().Files)
	for _, key := range []string{"ssl.keystore.location", "leat.encryption.key.file"} {
		names := []string{key}
		for name := range n.Values.Overrides(config.FromStaticBroker) {
			if strings.HasPrefix(name, "listener.name.") && strings.HasSuffix(name, "."+key) {
				names = append(names, name)
			}
		}
		for _, name := range names {
			if file, _, ok := n.Values.Lookup(name); ok && file != "" {
				files = append(files, file)
			}
		}
	}
	var open []string
	for _, file := range files {
		const readByOthers = 0o004
		info, err := os.Stat(file)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&readByOthers != 0 && !slices.Contains(open, file) {
			open = append(open, file)
		}
	}
	if len(open) > 0 {
		slices.Sort(open)
		n.logger(telemetry.LogSecurity).Warn("files with secrets can be read by every user of this machine: take the right from others (chmod o-r)", "files", strings.Join(open, ","))
	}
}
