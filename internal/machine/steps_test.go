package machine_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/machine"
)

// climber needs several ticks for what it has to do, and stays due until then.
type climber struct {
	*adder
	steps int
}

func (c *climber) Tick(now time.Time) machine.Result[int] {
	c.ticks = append(c.ticks, now)
	return machine.Result[int]{Records: []int{1}}
}

func (c *climber) Apply(e machine.Entry[int]) {
	c.adder.Apply(e)
	if c.steps--; c.steps == 0 {
		c.due = time.Time{}
	}
}

func TestWorkInSeveralTicksGoesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &climber{&adder{due: began}, 5}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "climber", Machine: c, Log: &memLog{atOnce: true}})
		defer r.Close()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if c.sum != 5 || len(c.ticks) != 5 || !c.ticks[4].Equal(began) {
			t.Fatalf("sum %d after ticks at %v, want 5 at %v", c.sum, c.ticks, began)
		}
	})
}

func TestWorkThatTheLogRefusesGoesOnLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &climber{&adder{due: time.Now()}, 5}
		l := &memLog{atOnce: true, err: fmt.Errorf("no room: %w", machine.ErrRefused)}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "climber", Machine: c, Log: l})
		defer r.Close()
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		if len(c.ticks) != 4 || !errors.Is(l.err, machine.ErrRefused) {
			t.Fatalf("%d ticks in 3 s, want 4", len(c.ticks))
		}
		l.mu.Lock()
		l.err = nil
		l.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if c.sum != 5 || !slices.IsSortedFunc(c.ticks, time.Time.Compare) {
			t.Fatalf("sum %d, want 5", c.sum)
		}
	})
}

// An event that comes while work goes on does not wait for its end: here there is none.
func TestEventsComeBetweenTheStepsOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &climber{&adder{due: time.Now()}, math.MaxInt}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "climber", Machine: c, Log: &memLog{atOnce: true}})
		defer r.Close()
		answered := make(chan error, 1)
		r.Submit(func(ticket machine.Ticket) add { return add{ticket: ticket, amount: 7} }, func(_ any, err error) { answered <- err })
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	})
}
