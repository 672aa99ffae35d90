package kerberos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// serviceTicket is what the KDC gave for one service.
type serviceTicket struct {
	ticket messages.Ticket
	key    types.EncryptionKey
	until  time.Time // when another is fetched, before it ends
}

// tickets keeps those that are good. One caller at a time asks the KDC.
type tickets struct {
	turn chan struct{} // holds one while nobody is at it; guards kept
	kept map[string]serviceTicket
}

// mostTickets bounds how many services are remembered: there are as many as there are nodes.
const mostTickets = 1000

func (t *tickets) init() {
	t.turn = make(chan struct{}, 1)
	t.turn <- struct{}{}
	t.kept = map[string]serviceTicket{}
}

// ticket is one for the service on a host. The library that asks the KDC cannot be stopped and has limits of its own, so it goes on when the caller leaves.
func (i *Initiator) ticket(ctx context.Context, host string) (serviceTicket, error) {
	select {
	case <-i.tickets.turn:
	case <-ctx.Done():
		return serviceTicket{}, ctx.Err()
	}
	if kept, ok := i.tickets.kept[host]; ok && time.Now().Before(kept.until) {
		i.tickets.turn <- struct{}{}
		return kept, nil
	}
	type answer struct {
		ticket serviceTicket
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		a.ticket, a.err = i.fetch(host)
		if a.err == nil {
			if len(i.tickets.kept) >= mostTickets {
				clear(i.tickets.kept)
			}
			i.tickets.kept[host] = a.ticket
		}
		i.tickets.turn <- struct{}{}
		got <- a
	}()
	select {
	case a := <-got:
		return a.ticket, a.err
	case <-ctx.Done():
		return serviceTicket{}, fmt.Errorf("KDC of realm %s: no ticket for %s/%s yet: %w", i.realm, i.service, host, ctx.Err())
	}
}

// fetch asks the KDC: who this is, and for the service.
func (i *Initiator) fetch(host string) (t serviceTicket, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("KDC of realm %s: its answer cannot be read: %v", i.realm, p)
		}
	}()
	conf, err := readConf(i.conf)
	if err != nil {
		return t, err
	}
	info, err := os.Stat(i.keytab)
	if err != nil {
		return t, fmt.Errorf("keytab: %w", err)
	}
	keys, err := readKeytab(i.keytab, info.Size())
	if err != nil {
		return t, fmt.Errorf("keytab %s: %w", i.keytab, err)
	}
	if own := i.name + "@" + i.realm; !has(keys, own) {
		return t, fmt.Errorf("keytab %s: it has no key of %s: it has %s", i.keytab, own, strings.Join(principals(keys), ", "))
	}
	cl := krb.NewWithKeytab(i.name, i.realm, keys, conf, krb.DisablePAFXFAST(true))
	defer cl.Destroy()
	ask, err := messages.NewASReqForTGT(i.realm, conf, cl.Credentials.CName())
	if err != nil {
		return t, err
	}
	own, err := cl.ASExchange(i.realm, ask, 0)
	if err != nil {
		return t, i.failed(host, err)
	}
	service := types.PrincipalName{NameType: nametype.KRB_NT_SRV_HST, NameString: []string{i.service, host}}
	_, rep, err := cl.TGSREQGenerateAndExchange(service, i.realm, own.Ticket, own.DecryptedEncPart.Key, false)
	if err != nil {
		return t, i.failed(host, err)
	}
	end := rep.DecryptedEncPart.EndTime
	const early = 10 // the part of its time that a ticket is not used any more
	return serviceTicket{ticket: rep.Ticket, key: rep.DecryptedEncPart.Key, until: end.Add(-time.Until(end) / early)}, nil
}

// readConf reads where the KDCs are. Only TCP is used, which every KDC speaks and which has no limit of size.
func readConf(path string) (*config.Config, error) {
	conf, err := config.Load(path)
	var odd config.UnsupportedDirective
	if err != nil && !errors.As(err, &odd) {
		return nil, fmt.Errorf("%s: where the KDC is stands there: set KRB5_CONFIG to name another file: %w", path, err)
	}
	conf.LibDefaults.UDPPreferenceLimit = 1
	conf.LibDefaults.Canonicalize = false
	return conf, nil
}

// failed says what to do about an answer of the KDC.
func (i *Initiator) failed(host string, err error) error {
	own, service := i.name+"@"+i.realm, i.service+"/"+host
	for _, known := range []struct{ code, words string }{
		// Whatever is wrong with an answer may also be put down to the key, so the clock stands before it.
		{"KRB_AP_ERR_SKEW", "the clocks of this node and the KDC differ by more than the KDC takes"},
		{"clock skew", "the clocks of this node and the KDC differ by more than " + maxSkew.String()},
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", "the KDC does not know principal " + own + ": make it, or correct principal in the login line"},
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", "the KDC does not know the service " + service + ": nodes are called by the host names in their listeners: make a principal of that name, or advertise the name that it has"},
		{"KDC_ERR_PREAUTH_FAILED", "keytab " + i.keytab + " has another key of " + own + " than the KDC: export the keytab again"},
		{"client password/keytab incorrect", "keytab " + i.keytab + " has another key of " + own + " than the KDC: export the keytab again"},
		{"KDC_ERR_CLIENT_REVOKED", "the KDC has locked principal " + own},
		{"KDC_ERR_NAME_EXP", "principal " + own + " has expired at the KDC"},
	} {
		if strings.Contains(err.Error(), known.code) {
			return errors.New(known.words)
		}
	}
	return fmt.Errorf("KDC of realm %s: no ticket for %s: see %s for where the KDC is: %w", i.realm, service, i.conf, err)
}
