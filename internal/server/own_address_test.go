package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/config"
	"leat/internal/listener"
)

// toldAt is the one broker's address that a client is told which asks at an address.
func toldAt(t *testing.T, address string, opts ...kgo.Opt) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	md, err := kadm.NewClient(securedClient(t, address, opts...)).BrokerMetadata(ctx)
	if err != nil || len(md.Brokers) != 1 {
		t.Fatalf("%s: %v: %v", address, md.Brokers, err)
	}
	b := md.Brokers[0]
	return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
}

func TestClientsAreToldTheAddressByWhichTheyCame(t *testing.T) {
	n := start(t, t.TempDir(), map[string]string{"listeners": "PLAINTEXT://0.0.0.0:0,CONTROLLER://127.0.0.1:0", "advertised.listeners": "auto"})
	_, port, err := net.SplitHostPort(n.Bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{"127.0.0.1"}
	if own := machineAddress(); own != "" {
		addresses = append(addresses, own)
	}
	for _, host := range addresses {
		at := net.JoinHostPort(host, port)
		if told := toldAt(t, at); told != at {
			t.Errorf("a client that came to %s is told %s", at, told)
		}
	}
	cl := securedClient(t, "127.0.0.1:"+port, kgo.AllowAutoTopicCreation())
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("a table")}).FirstErr(); err != nil {
		t.Error(err)
	}
}

func TestUnderTLSTheNameIsToldThatWasLookedFor(t *testing.T) {
	set, _ := secure(t)
	set["advertised.listeners"] = "auto"
	n := start(t, t.TempDir(), set)
	at := strings.Split(n.Bootstrap, ",")[1]
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	trust := kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true, ServerName: "kafka.example"})
	if told := toldAt(t, at, trust); told != "kafka.example:"+port {
		t.Errorf("a client that looked for kafka.example is told %s", told)
	}
}

func TestAPortThatIsForwardedIsTold(t *testing.T) {
	n := &node{listeners: config.Listeners{Advertised: []config.Listener{{Name: "EXT", Port: 19092, Follows: true}, {Name: "IN", Host: "h", Port: 1}}}}
	own := n.ownAddress()
	local := netip.MustParseAddrPort("172.17.0.2:9092")
	if host, port, ok := own(&listener.Conn{Listener: "EXT", Local: local}); !ok || host != "172.17.0.2" || port != 19092 {
		t.Errorf("%s:%d, %v", host, port, ok)
	}
	if _, _, ok := own(&listener.Conn{Listener: "IN", Local: local}); ok {
		t.Error("a listener with an address of its own follows clients")
	}
	if (&node{}).ownAddress() != nil {
		t.Error("no listener follows its clients, and each request is asked")
	}
}

func TestAnAddressOfOneLinkIsNotTold(t *testing.T) {
	for at, want := range map[string]string{
		"10.1.2.3:9092": "10.1.2.3", "[::ffff:10.1.2.3]:9092": "10.1.2.3", "[2001:db8::1]:9092": "2001:db8::1", "[fe80::1%eth0]:9092": "", "169.254.1.1:9092": "",
	} {
		if host, port := cameTo(&listener.Conn{Local: netip.MustParseAddrPort(at)}); host != want || want != "" && port != 9092 {
			t.Errorf("%s: %q, port %d", at, host, port)
		}
	}
}
