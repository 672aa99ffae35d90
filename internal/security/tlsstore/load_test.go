package tlsstore

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func at(name string) string { return filepath.Join("testdata", name) }

// handshake makes a connection between a listener and a client with the given settings and returns the client's end of it.
func handshake(t *testing.T, server, client Settings) (tls.ConnectionState, error) {
	t.Helper()
	s, err := Load(&server, FromDisk)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(&client, FromDisk)
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.Server()
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	failed := make(chan error, 1)
	go func() {
		end := tls.Server(there, config)
		err := end.Handshake()
		if err == nil {
			_, err = end.Write([]byte{1})
		}
		there.Close()
		failed <- err
	}()
	end := tls.Client(here, c.Client("localhost"))
	err = end.Handshake()
	if err == nil {
		_, err = io.ReadFull(end, make([]byte, 1)) // with TLS 1.3 a refused certificate shows here
	}
	here.Close()
	if e := <-failed; err == nil {
		err = e
	}
	return end.ConnectionState(), err
}

// oneLine is PEM as it stands in a properties file whose lines end with a backslash: without line ends.
func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", " ") }

func pemKeys(t *testing.T) Settings {
	return Settings{KeystoreType: "PEM", Key: read(t, "key.pem"), CertificateChain: read(t, "ca.pem") + read(t, "node.pem")}
}

func trusting() Settings {
	return Settings{TruststoreType: "PEM", TruststoreLocation: at("ca.pem"), EndpointIdentification: "https"}
}

func TestEveryKindOfKeyStoreServes(t *testing.T) {
	keys := map[string]Settings{
		"jks":                  {KeystoreType: "JKS", KeystoreLocation: at("key.jks"), KeystorePassword: "storepass", KeyPassword: "keypass1"},
		"pkcs12 of keytool":    {KeystoreType: "PKCS12", KeystoreLocation: at("key.pkcs12"), KeystorePassword: "storepass"},
		"pkcs12 of openssl":    {KeystoreType: "PKCS12", KeystoreLocation: at("key-openssl.pkcs12"), KeystorePassword: "storepass"},
		"pkcs12 that says jks": {KeystoreLocation: at("key.pkcs12"), KeystorePassword: "storepass"},
		"pkcs12 of two keys":   {KeystoreType: "PKCS12", KeystoreLocation: at("both.pkcs12"), KeystorePassword: "storepass"},
		"pem in the config":    pemKeys(t),
		"pem on one line":      {KeystoreType: "PEM", Key: oneLine(read(t, "key.pem")), CertificateChain: oneLine(read(t, "ca.pem") + read(t, "node.pem"))},
		"encrypted pem, aes":   {KeystoreType: "PEM", Key: read(t, "key-aes256.pem"), KeyPassword: "keypass1", CertificateChain: read(t, "node.pem")},
		"encrypted pem, 3des":  {KeystoreType: "PEM", Key: read(t, "key-des3.pem"), KeyPassword: "keypass1", CertificateChain: read(t, "node.pem")},
	}
	for name, server := range keys {
		t.Run(name, func(t *testing.T) {
			state, err := handshake(t, server, trusting())
			if err != nil {
				t.Fatal(err)
			}
			if got := state.PeerCertificates[0].Issuer.CommonName; got != "Test CA" {
				t.Errorf("the certificate is of %q", got)
			}
		})
	}
}

func TestEveryKindOfTrustStoreTrusts(t *testing.T) {
	for name, client := range map[string]Settings{
		"jks":                     {TruststoreLocation: at("trust.jks"), TruststorePassword: "storepass"},
		"pkcs12":                  {TruststoreType: "PKCS12", TruststoreLocation: at("trust.pkcs12"), TruststorePassword: "storepass"},
		"pem file":                {TruststoreType: "PEM", TruststoreLocation: at("ca.pem")},
		"pem in text":             {TruststoreType: "PEM", TrustedCertificates: read(t, "ca.pem")},
		"pkcs12 with keys beside": {TruststoreType: "PKCS12", TruststoreLocation: at("both.pkcs12"), TruststorePassword: "storepass"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := handshake(t, pemKeys(t), client); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, err := handshake(t, pemKeys(t), Settings{}); err == nil {
		t.Error("a certificate of an unknown authority is taken")
	}
}

func TestClientsShowCertificatesWhereTheyMust(t *testing.T) {
	server := pemKeys(t)
	server.TruststoreType, server.TrustedCertificates = "PEM", read(t, "ca.pem")
	server.ClientAuth = "required"
	if _, err := handshake(t, server, trusting()); err == nil {
		t.Error("a client without a certificate gets in")
	}
	with := pemKeys(t)
	with.TruststoreType, with.TrustedCertificates = "PEM", read(t, "ca.pem")
	if _, err := handshake(t, server, with); err != nil {
		t.Error(err)
	}
	server.ClientAuth = "requested"
	if _, err := handshake(t, server, trusting()); err != nil {
		t.Error(err)
	}
}

func TestVersionsAndSuites(t *testing.T) {
	for _, c := range []struct {
		versions, suites string
		want             uint16 // version; 0: no handshake
	}{
		{"", "", tls.VersionTLS13},
		{"TLSv1.2", "", tls.VersionTLS12},
		{"TLSv1.3", "", tls.VersionTLS13},
		{"TLSv1.2,TLSv1.1,TLSv1", "", tls.VersionTLS12}, // what old files have
		{"TLSv1.2,TLSv1.3", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", tls.VersionTLS12},
		{"TLSv1.2,TLSv1.3", "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256", tls.VersionTLS13},
		{"TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0}, // the key is no RSA key
	} {
		server := pemKeys(t)
		if c.versions != "" {
			server.Protocols = strings.Split(c.versions, ",")
		}
		if c.suites != "" {
			server.CipherSuites = strings.Split(c.suites, ",")
		}
		state, err := handshake(t, server, trusting())
		if (err == nil) != (c.want != 0) || err == nil && state.Version != c.want {
			t.Errorf("%s %s: version %x, %v, want %x", c.versions, c.suites, state.Version, err, c.want)
		}
	}
}

func TestWrongSettingsSayWhatToDo(t *testing.T) {
	for _, c := range []struct {
		s    Settings
		want string
	}{
		{Settings{KeystoreType: "BCFKS"}, "the formats are PEM, PKCS12 and JKS"},
		{Settings{KeystoreLocation: at("key.jks"), KeystorePassword: "wrong"}, "the password of the store is wrong"},
		{Settings{KeystoreLocation: at("key.jks"), KeystorePassword: "storepass"}, "ssl.key.password is wrong"},
		{Settings{KeystoreLocation: at("key.pkcs12"), KeystorePassword: "wrong"}, "the password of the store is wrong"},
		{Settings{KeystoreLocation: at("ca.pem")}, "set ssl.keystore.type=PEM"},
		{Settings{KeystoreLocation: at("none.jks")}, "no such file"},
		{Settings{KeystoreType: "PEM", KeystoreLocation: at("ca.pem"), KeystorePassword: "x"}, "ssl.key.password"},
		{Settings{KeystoreType: "PEM", Key: read(t, "key-aes256.pem"), CertificateChain: read(t, "node.pem")}, "give its password in ssl.key.password"},
		{Settings{KeystoreType: "PEM", Key: read(t, "key-aes256.pem"), KeyPassword: "no", CertificateChain: read(t, "node.pem")}, "password"},
		{Settings{KeystoreType: "PEM", Key: read(t, "key.pem"), CertificateChain: read(t, "ca.pem")}, "none of 1 certificates belongs to the private key"},
		{Settings{TruststoreLocation: at("key.jks"), TruststorePassword: "storepass"}, "no trusted certificate"},
		{Settings{TruststoreLocation: at("key.pkcs12"), TruststorePassword: "storepass"}, "no trusted certificate"},
		{Settings{TruststoreLocation: at("both.pkcs12"), TruststorePassword: "wrong"}, "the password of the store is wrong"},
		{Settings{KeystoreLocation: at("trust.pkcs12"), KeystorePassword: "storepass"}, "private key"},
		{Settings{Protocols: []string{"TLSv2"}}, "the versions are TLSv1.2 and TLSv1.3"},
		{Settings{Protocols: []string{"TLSv1.1"}}, "the versions are TLSv1.2 and TLSv1.3"},
		{Settings{CipherSuites: []string{"AES"}}, "not the name of a cipher suite"},
		{Settings{CipherSuites: []string{"TLS_NONE_AT_ALL"}}, "no suite is left"},
	} {
		_, err := Load(&c.s, FromDisk)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestAStoreIsReadAgainWhenItsFileChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "node.pem")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(read(t, "key.pem") + read(t, "node.pem"))
	s := Settings{KeystoreType: "PEM", KeystoreLocation: file}
	w, err := Watch(&s, FromDisk, true)
	if err != nil {
		t.Fatal(err)
	}
	first := w.Server()
	if renewed, err := w.Renew(&s); renewed || err != nil {
		t.Errorf("nothing changed, and yet: %v, %v", renewed, err)
	}
	write("rubbish")
	if _, err := w.Renew(&s); err == nil || w.Server() != first {
		t.Errorf("a damaged file gives %v, and what is in use must stay", err)
	}
	if _, err := w.Renew(&s); err != nil {
		t.Errorf("the same failure is told twice: %v", err)
	}
	write(read(t, "key.pem") + read(t, "node.pem") + read(t, "ca.pem"))
	if renewed, err := w.Renew(&s); !renewed || err != nil || w.Server() == first {
		t.Errorf("a good file: %v, %v", renewed, err)
	}
}

func FuzzDecryptPKCS8(f *testing.F) {
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(_ *testing.T, der []byte) { _, _ = decryptPKCS8(der, "x") })
}
