package load

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
)

// crew runs goroutines with a connection each until all are done or one fails, which ends the others.
type crew struct {
	conns  []*Conn
	wg     sync.WaitGroup
	mu     sync.Mutex
	failed error
	over   chan struct{} // closed at the first failure
}

// dialAll opens n connections, with TLS if there is a configuration for it.
func dialAll(address string, n int, secure *tls.Config) (*crew, error) {
	c := &crew{over: make(chan struct{})}
	for range n {
		conn, err := DialTLS(address, secure)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

// start runs work for one connection.
func (c *crew) start(work func() error) {
	c.wg.Go(func() {
		if err := work(); err != nil {
			c.fail(err)
		}
	})
}

func (c *crew) fail(err error) {
	c.mu.Lock()
	if c.failed == nil {
		c.failed = err // what the others say is a consequence
		close(c.over)
	}
	c.mu.Unlock()
	for _, conn := range c.conns {
		conn.Interrupt()
	}
}

// wait returns when all have ended, with the first error. A context that ends early is an error, too.
func (c *crew) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })
	c.wg.Wait()
	stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *crew) close() error {
	var all error
	for _, conn := range c.conns {
		all = errors.Join(all, conn.Close())
	}
	return all
}
