// Command security lets real clients at every kind of secured listener of one node of leat, or of Kafka: with what they need to get in, and with what must
// keep them out. Each case says what class of error a client must give its user, and what the log of leat must tell the operator.
//
// The clients are processes that know nothing about right and wrong: they are told how to log in and print what happened. An issuer of tokens (OpenID
// Connect over HTTPS) is part of this program. With -target kafka the same cases run against Apache Kafka, so that what is asked for is known to be right.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	kind := flag.String("target", string(target.Leat), "leat or kafka")
	only := flag.String("only", "", "run the cases whose name contains this")
	clients := flag.String("clients", strings.Join(clientNames, ","), "the clients that take part")
	short := flag.Bool("short", false, "fewer cases, for the gate")
	keep := flag.Bool("keep", false, "keep the directory")
	update := flag.Bool("update", false, "write down what Kafka's tools say; for -target kafka")
	verbose := flag.Bool("v", false, "print what clients and the log say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-security-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, binary: *binary, only: *only, short: *short, update: *update, verbose: *verbose}
		err = r.all(target.Kind(*kind), *binary, strings.Split(*clients, ","))
		if *keep {
			fmt.Println("security  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "security:", err)
		os.Exit(1)
	}
}

// run is one run of everything against one node.
type run struct {
	ctx               context.Context
	dir, binary, only string
	short, verbose    bool
	update            bool

	files   *files
	issuer  *issuer
	node    *target.Node
	clients []client
	checks  int
	failed  []string
}

func (r *run) all(kind target.Kind, binary string, names []string) (err error) {
	began := time.Now()
	if r.files, err = makeFiles(r.dir); err != nil {
		return err
	}
	if r.issuer, err = newIssuer(r.files); err != nil {
		return err
	}
	defer r.issuer.close()
	if err := r.startNode(kind, binary); err != nil {
		return err
	}
	defer r.node.Kill()
	if err := r.prepare(); err != nil {
		return err
	}
	if r.clients, err = startClients(r.ctx, r.dir, binary, names); err != nil {
		return err
	}
	defer func() {
		for _, c := range r.clients {
			c.close()
		}
	}()
	fmt.Printf("security  ready after %.1f s: %s\n", time.Since(began).Seconds(), names)
	for _, c := range r.cases() {
		if strings.Contains(c.name, r.only) && (!r.short || c.short) && (!c.leatOnly || kind == target.Leat) {
			r.one(&c)
		}
	}
	for _, s := range r.stories() {
		if strings.Contains(s.name, r.only) && (!r.short || s.short) && (!s.leatOnly || kind == target.Leat) {
			r.story(&s)
		}
	}
	fmt.Printf("security  %s: %d checks, %d failed, %.1f s\n", kind, r.checks, len(r.failed), time.Since(began).Seconds())
	if len(r.failed) > 0 {
		return errors.New("failed: " + strings.Join(r.failed, "; "))
	}
	return nil
}

// check counts one thing that must hold.
func (r *run) check(name string, problem error) {
	r.checks++
	if problem != nil {
		r.failed = append(r.failed, name)
		fmt.Printf("%s  FAILED %s: %v\n", r.node.Kind(), name, problem)
	}
}
