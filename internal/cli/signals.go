package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// onSignals turns the process's signals into a context that ends on the first SIGTERM or SIGINT and a channel that SIGHUP is passed to. A
// second SIGTERM or SIGINT ends the process at once; but what comes within p.sameSignal of the first is the same wish, told by two (as
// timeout and some supervisors do: to the process and to its group). stop gives the signals back and waits for the goroutine behind this.
func (p *program) onSignals(logger *slog.Logger) (ctx context.Context, reload <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, hangups := make(chan os.Signal, 4), make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	finished, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var first time.Time
		for {
			select {
			case s := <-signals:
				switch {
				case s == syscall.SIGHUP:
					select {
					case hangups <- struct{}{}:
					default: // one reload is waiting already
					}
				case first.IsZero():
					first = time.Now()
					logger.Info("stopping", "signal", s.String())
					tellSupervisor("STOPPING=1")
					cancel()
				case time.Since(first) >= p.sameSignal:
					fmt.Fprintf(p.Err, "leat server: %v again: stopping at once\n", s)
					p.exit(failed)
				}
			case <-finished:
				return
			}
		}
	}()
	return ctx, hangups, func() {
		signal.Stop(signals)
		close(finished)
		<-ended
		cancel()
	}
}
