package config

import (
	"strings"
	"testing"
)

func TestListenerErrorsAreWords(t *testing.T) {
	const c = ",CONTROLLER://127.0.0.1:9093"
	for _, c := range []struct{ name, value, want string }{
		{"listeners", "127.0.0.1:9092" + c, `"127.0.0.1:9092" is not NAME://host:port: write for instance PLAINTEXT://127.0.0.1:9092`},
		{"listeners", "PLAINTEXT://h" + c, `"h" has no port: write host:port`},
		{"listeners", "PLAINTEXT://h:http" + c, `"h:http" has the port "http": a port is a number from 0 to 65535`},
		{"listeners", "PLAINTEXT://h:70000" + c, `"h:70000" has the port "70000"`},
		{"listeners", "PLAINTEXT://[::1:9092" + c, `"[::1:9092" has no closing bracket: write [::1]:9092`},
		{"listeners", "PLAINTEXT://a:b:9092" + c, `"a:b:9092" has the host "a:b", which is neither a name nor an address`},
		{"listeners", "EXT://h:9092" + c, "no security protocol for listener EXT: add EXT:PLAINTEXT (or another one of SSL, SASL_PLAINTEXT, SASL_SSL) to listener.security.protocol.map"},
		{"listeners", "PLAINTEXT://h:9092,PLAINTEXT://i:9094" + c, "listener PLAINTEXT is named twice: every listener has a name of its own"},
		{"listeners", "PLAINTEXT://h:9093" + c, "PLAINTEXT and CONTROLLER have the same port"},
		{"listeners", "PLAINTEXT://h:9092", "a controller needs the listener CONTROLLER (controller.listener.names): add for instance CONTROLLER://127.0.0.1:9093"},
		{"listeners", "CONTROLLER://h:9093", "a broker needs a listener that is not for controllers: add for instance PLAINTEXT://127.0.0.1:9092"},
		{"listeners", "PLAINTEXT://0.0.0.0:9092" + c, "PLAINTEXT is bound to every address (0.0.0.0), so clients must be told which to use: set advertised.listeners, for instance PLAINTEXT://this.host.example:9092"},
		{"advertised.listeners", "PLAINTEXT://0.0.0.0:9092", "nobody can connect to 0.0.0.0: give the address that clients reach this node by"},
		{"advertised.listeners", "SSL://h:9092", "listener SSL is not in listeners: add it there, or take it out here"},
		{"inter.broker.listener.name", "EXT", "not in listener.security.protocol.map: add it there"},
		{"inter.broker.listener.name", "CONTROLLER", "listener CONTROLLER is for controllers"},
		{"listener.security.protocol.map", "PLAINTEXT:TLS", `"PLAINTEXT:TLS" names no security protocol: the protocols are PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL`},
		{"listener.security.protocol.map", "PLAINTEXT", `"PLAINTEXT" is not NAME:PROTOCOL`},
		{"process.roles", "broker", "a broker that is not a controller must know where the controllers are"},
	} {
		_, _, err := ParseBroker(map[string]string{c.name: c.value})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s\nsays %v\nnot  %s", c.name, c.value, err, c.want)
		}
	}
}

func TestListenersArePutTogether(t *testing.T) {
	v := parse(t, map[string]string{
		"listeners":                      "internal://:9092, EXT://[::1]:0, CONTROLLER://[fe80::1%eth0]:9093",
		"advertised.listeners":           "INTERNAL://broker1.example:19092,EXT://[2001:db8::1]:9094",
		"listener.security.protocol.map": "INTERNAL:PLAINTEXT, EXT:SASL_SSL ,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":     "internal",
	})
	ls, err := v.Listeners()
	if err != nil {
		t.Fatal(err)
	}
	text := func(list []Listener) string {
		var out []string
		for _, l := range list {
			out = append(out, l.String()+"/"+l.Protocol)
		}
		return strings.Join(out, " ")
	}
	if got := text(ls.Bind); got != "INTERNAL://:9092/PLAINTEXT EXT://[::1]:0/SASL_SSL CONTROLLER://[fe80::1%eth0]:9093/PLAINTEXT" {
		t.Errorf("bound are %s", got)
	}
	if got := text(ls.Advertised); got != "INTERNAL://broker1.example:19092/PLAINTEXT EXT://[2001:db8::1]:9094/SASL_SSL CONTROLLER://[fe80::1%eth0]:9093/PLAINTEXT" {
		t.Errorf("advertised are %s", got)
	}
	if ls.InterBroker != "INTERNAL" || !ls.Bind[2].Control || ls.Bind[0].Control {
		t.Errorf("inter-broker is %s, control %v", ls.InterBroker, ls.Bind)
	}
}

func TestAddressesThatFollowTheClient(t *testing.T) {
	for advertised, want := range map[string]string{
		"auto":                           "IN://:0 EXT://10.0.0.1:0 CONTROLLER://:9093",
		"Auto":                           "IN://:0 EXT://10.0.0.1:0 CONTROLLER://:9093",
		"IN://auto:19092,EXT://h.x:9094": "IN://:19092 h.x:9094 CONTROLLER://:9093",
		"EXT://auto:0,IN://h.x:1":        "EXT://10.0.0.1:0 h.x:1 CONTROLLER://:9093",
	} {
		v := parse(t, map[string]string{"listeners": "IN://0.0.0.0:9092,EXT://10.0.0.1:9094,CONTROLLER://:9093", "advertised.listeners": advertised,
			"listener.security.protocol.map": "IN:PLAINTEXT,EXT:PLAINTEXT,CONTROLLER:PLAINTEXT", "inter.broker.listener.name": "IN"})
		ls, err := v.Listeners()
		if err != nil {
			t.Errorf("%s: %v", advertised, err)
			continue
		}
		var got []string
		for _, l := range ls.Advertised {
			text := l.String()
			if !l.Follows && !l.Control {
				text = text[strings.Index(text, "://")+3:]
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %s, not %s", advertised, text, want)
		}
	}
}

func TestAddressLimits(t *testing.T) {
	got, err := ParseAddressLimits("127.0.0.1:5, [::1]:6 ,host:0, FD00:0:0:0:0:0:0:7:8, ::ffff:10.0.0.9:9")
	if err != nil || len(got) != 5 || got["127.0.0.1"] != 5 || got["::1"] != 6 || got["host"] != 0 || got["fd00::7"] != 8 || got["10.0.0.9"] != 9 {
		t.Errorf("%v, %v", got, err)
	}
}
