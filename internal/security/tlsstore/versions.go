package tlsstore

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// versions are the lowest and the highest version of TLS.
type versions struct{ low, high uint16 }

// chooseVersions reads ssl.enabled.protocols. What is older than TLS 1.2 may be named, as files of old do, and is not offered, as by Java.
func (st *Store) chooseVersions(names []string) error {
	v := versions{tls.VersionTLS12, tls.VersionTLS13}
	st.versions = v
	if len(names) == 0 {
		return nil
	}
	has12, has13 := false, false
	var old []string
	for _, name := range names {
		switch name {
		case "TLSv1.2":
			has12 = true
		case "TLSv1.3":
			has13 = true
		case "TLSv1.1", "TLSv1", "SSLv3", "SSLv2Hello":
			old = append(old, name)
		default:
			return fmt.Errorf("ssl.enabled.protocols=%s: the versions are TLSv1.2 and TLSv1.3", strings.Join(names, ","))
		}
	}
	if !has12 && !has13 {
		return fmt.Errorf("ssl.enabled.protocols=%s: nothing older than TLS 1.2 is offered: the versions are TLSv1.2 and TLSv1.3", strings.Join(names, ","))
	}
	if old != nil {
		st.Warnings = append(st.Warnings, "ssl.enabled.protocols: "+strings.Join(old, ", ")+" is not secure and left out")
	}
	if !has12 {
		v.low = tls.VersionTLS13
	}
	if !has13 {
		v.high = tls.VersionTLS12
	}
	st.versions = v
	return nil
}

// chooseSuites reads ssl.cipher.suites, names of which are the same in Java, in Go and at IANA. A list that has suites of one version only turns the
// other version off, as in Java. Which suite of TLS 1.3 is used cannot be chosen: all three are good, and the library knows which one is fast.
func (st *Store) chooseSuites(names []string) error {
	if len(names) == 0 {
		return nil
	}
	var of13 []string
	for _, name := range names {
		id, is13, known := suite(name)
		switch {
		case !known && !strings.HasPrefix(name, "TLS_") && !strings.HasPrefix(name, "SSL_"):
			return fmt.Errorf("ssl.cipher.suites=%s: %s is not the name of a cipher suite: write for instance TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
				strings.Join(names, ","), name)
		case !known:
			st.Warnings = append(st.Warnings, "ssl.cipher.suites: "+name+" is not supported and left out")
		case is13:
			of13 = append(of13, name)
		default:
			st.suites = append(st.suites, id)
		}
	}
	if st.suites == nil {
		st.versions.low = max(st.versions.low, tls.VersionTLS13)
	}
	if of13 == nil {
		st.versions.high = min(st.versions.high, tls.VersionTLS12)
	}
	if st.suites == nil && of13 == nil || st.versions.low > st.versions.high {
		return fmt.Errorf("ssl.cipher.suites=%s: no suite is left that is supported and belongs to a version in ssl.enabled.protocols", strings.Join(names, ","))
	}
	if n := len(suites13()); of13 != nil && len(of13) < n {
		st.Warnings = append(st.Warnings, fmt.Sprintf("ssl.cipher.suites: of TLS 1.3 all %d suites are used and not only %s", n, strings.Join(of13, ",")))
	}
	return nil
}

func suites13() []*tls.CipherSuite {
	return slices.DeleteFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return !slices.Contains(s.SupportedVersions, tls.VersionTLS13) })
}

// suite finds a cipher suite by name. Those that Go calls insecure are there for who asks for them by name.
func suite(name string) (id uint16, is13, known bool) {
	if rest, ok := strings.CutPrefix(name, "SSL_"); ok { // what Java called them before TLS had its name
		name = "TLS_" + rest
	}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if s.Name == name {
			return s.ID, slices.Contains(s.SupportedVersions, tls.VersionTLS13), true
		}
	}
	return 0, false, false
}
