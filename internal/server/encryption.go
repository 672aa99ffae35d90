package server

import (
	"context"
	"fmt"

	"leat/internal/config"
	"leat/internal/fs/sealed"
	"leat/internal/telemetry"
)

// openKeys reads the keyrings of the log directories, if there are any, so that segments may be encrypted. It changes nothing on disk.
//
// A node whose keys cannot be unwrapped does not start: serving some partitions and failing others would look to clients, and to the
// rest of a cluster, like broken disks, while what is broken is one line of its configuration.
func (n *node) openKeys(ctx context.Context) error {
	keys, err := keySource(n.Values).Open(n.FS)
	if err != nil {
		return err
	}
	n.sealed, err = sealed.Open(ctx, sealed.Config{
		FS: n.FS, Dirs: n.Values.LogDirs(), Keys: keys,
		Rotation: n.Values.Millis("leat.encryption.data.key.rotation.ms"), Logger: n.logger(telemetry.LogEncryption),
	})
	if err != nil {
		return err
	}
	n.onClose("keyrings", n.sealed.Close)
	return nil
}

// keySource is where the configuration says that key-encryption keys are.
func keySource(v *config.Values) sealed.KeySource {
	return sealed.KeySource{
		File: v.String("leat.encryption.key.file"), Command: v.String("leat.encryption.key.command"),
		Timeout: v.Millis("leat.encryption.key.command.timeout.ms"),
	}
}

// reload reads again what SIGHUP asks for. What cannot be read stays as it was.
func (n *node) reload(ctx context.Context) {
	n.renewSecrets()
	n.renewSecurity()
	if err := n.sealed.Refresh(ctx); err != nil {
		n.logger(telemetry.LogEncryption).Error("keys not read again, the ones in use stay", "err", err)
		return
	}
	n.logger(telemetry.LogEncryption).Info("keys read again")
}

// refreshKeys is what a start does with the keys once the log directories are this node's.
func (n *node) refreshKeys(ctx context.Context) error {
	if err := n.sealed.Refresh(ctx); err != nil {
		return fmt.Errorf("keys for encryption at rest: %w", err)
	}
	return nil
}
