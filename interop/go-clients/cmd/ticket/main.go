// Command ticket logs in with franz-go and a ticket of a KDC, and lists topics: ticket <broker> <service> <principal@REALM> <keytab>. Where the KDC is says the
// file that KRB5_CONFIG names.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ticket:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: ticket <broker> <service> <principal@REALM> <keytab>")
	}
	conf, err := config.Load(os.Getenv("KRB5_CONFIG"))
	if err != nil {
		return err
	}
	keys, err := keytab.Load(args[3])
	if err != nil {
		return err
	}
	name, realm, _ := strings.Cut(args[2], "@")
	auth := kerberos.Auth{Client: client.NewWithKeytab(name, realm, keys, conf, client.DisablePAFXFAST(true)), Service: args[1]}
	cl, err := kgo.NewClient(kgo.SeedBrokers(args[0]), kgo.RequestRetries(0), kgo.SASL(auth.AsMechanismWithClose()))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err = kadm.NewClient(cl).ListTopics(ctx)
	return err
}
