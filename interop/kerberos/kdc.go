package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"leat/interop/ports"
)

const realm = "LEAT.TEST"

// patience is how long anything that is waited for may take.
const patience = 2 * time.Minute

// kdc is MIT's key distribution centre with a realm of its own, in a directory of its own.
type kdc struct {
	dir  string
	port string
	cmd  *exec.Cmd
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

// environment points every Kerberos library at the realm.
func (k *kdc) environment() []string {
	return append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "KRB5_CONFIG="+k.path("krb5.conf"), "KRB5_KDC_PROFILE="+k.path("kdc.conf"))
}

// startKDC makes a realm and serves it on loopback.
func startKDC(ctx context.Context, dir string) (*kdc, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	k := &kdc{dir: dir}
	free, err := ports.Free(1)
	if err != nil {
		return nil, err
	}
	port := free[0]
	files := map[string]string{
		"krb5.conf": fmt.Sprintf("[libdefaults]\n default_realm = %[1]s\n dns_lookup_kdc = false\n dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n"+
			" udp_preference_limit = 1\n[realms]\n %[1]s = {\n  kdc = 127.0.0.1:%[2]s\n }\n[domain_realm]\n localhost = %[1]s\n", realm, port),
		"kdc.conf": fmt.Sprintf("[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:%[2]s\n[realms]\n %[1]s = {\n  database_name = %[3]s/principal\n  key_stash_file = %[3]s/stash\n"+
			"  acl_file = %[3]s/acl\n  max_life = 1h\n  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n }\n[logging]\n kdc = FILE:%[3]s/kdc.log\n", realm, port, dir),
		"acl": "",
	}
	for name, text := range files {
		if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := k.run(ctx, "kdb5_util", "create", "-s", "-P", "master-key", "-r", realm); err != nil {
		return nil, err
	}
	k.port = port
	return k, k.serve(0)
}

// serve runs the KDC, with a clock that is off.
func (k *kdc) serve(by time.Duration) error {
	k.cmd = exec.Command("/usr/sbin/krb5kdc", "-n", "-r", realm)
	k.cmd.Env, k.cmd.SysProcAttr = append(k.environment(), clocked(by)...), &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := k.cmd.Start(); err != nil {
		return err
	}
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", k.port)); err == nil {
			return c.Close()
		}
	}
	k.stop()
	return fmt.Errorf("the KDC does not serve within %s", patience)
}

func (k *kdc) stop() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

func (k *kdc) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, "/usr/sbin/"+name, args...)
	cmd.Env = k.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// principal makes one, with random keys, and its keytab.
func (k *kdc) principal(ctx context.Context, name, keytab string) error {
	if err := k.run(ctx, "kadmin.local", "-r", realm, "-q", "addprinc -randkey "+name); err != nil {
		return err
	}
	return k.export(ctx, name, keytab)
}

// export writes a keytab with new keys of a principal, of which the version rises.
func (k *kdc) export(ctx context.Context, name, keytab string) error {
	return k.run(ctx, "kadmin.local", "-r", realm, "-q", "ktadd -k "+k.path(keytab)+" "+name)
}
