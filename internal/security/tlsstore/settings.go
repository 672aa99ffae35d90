package tlsstore

import "os"

// Settings are the ssl.* keys of one listener, as text.
type Settings struct {
	KeystoreType     string // PEM, PKCS12 or JKS
	KeystoreLocation string
	KeystorePassword string
	KeyPassword      string
	CertificateChain string // PEM
	Key              string // PEM

	TruststoreType      string
	TruststoreLocation  string
	TruststorePassword  string
	TrustedCertificates string // PEM

	Protocols    []string // TLSv1.2, TLSv1.3
	CipherSuites []string // empty: all that are good
	ClientAuth   string   // none, requested, required
	// EndpointIdentification is "https" if the name of a server must be in its certificate, "" if not. It concerns connections that this node opens.
	EndpointIdentification string
}

// maxStoreBytes bounds a file: a trust store with all authorities of the world has 300 KB.
const maxStoreBytes = 16 << 20

// ReadFile reads a store. It is the seam to the disk.
type ReadFile func(name string) ([]byte, error)

// FromDisk is ReadFile on the real disk.
func FromDisk(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStoreBytes {
		return nil, &os.PathError{Op: "read", Path: name, Err: errTooLarge}
	}
	return os.ReadFile(name)
}
