package telemetry

import "time"

var certificateEnd = &Metric{"leat_security_certificate_expiry_seconds", Gauge, []string{"listener"},
	"When the certificate expires that the listener shows, in seconds since 1970."}

func certificateRows() []Metric { return []Metric{*certificateEnd} }

func (s *Source) writeCertificates(w *writer, _ time.Time) {
	if s.Certificates == nil {
		return
	}
	w.family(certificateEnd)
	s.Certificates(func(listener string, notAfter time.Time) {
		w.value(certificateEnd.Name, notAfter.Unix(), "listener", listener)
	})
}
