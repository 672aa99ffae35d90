package machine_test

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/machine"
)

// climber needs several ticks for what it has to do, and stays due until then.
type climber struct {
	*adder
	steps int
	mu    sync.Mutex // guards ticks: a test that looks at them between two of virtual time is not ordered before the second
}

func (c *climber) Tick(now time.Time) machine.Result[int] {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticks = append(c.ticks, now)
	return machine.Result[int]{Records: []int{1}}
}

// ticked is a copy of the times of its ticks so far.
func (c *climber) ticked() []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ticks)
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
		c := &climber{adder: &adder{due: began}, steps: 5}
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
		c := &climber{adder: &adder{due: time.Now()}, steps: 5}
		l := &memLog{atOnce: true, err: fmt.Errorf("no room: %w", machine.ErrRefused)}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "climber", Machine: c, Log: l})
		defer r.Close()
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		if n := len(c.ticked()); n != 4 {
			t.Fatalf("%d ticks in 3 s, want 4", n)
		}
		l.mu.Lock()
		l.err = nil
		l.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if c.sum != 5 || !slices.IsSortedFunc(c.ticked(), time.Time.Compare) {
			t.Fatalf("sum %d, want 5", c.sum)
		}
	})
}

// An event that comes while work goes on does not wait for its end: here there is none.
func TestEventsComeBetweenTheStepsOfWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &climber{adder: &adder{due: time.Now()}, steps: math.MaxInt}
		r := machine.NewRunner(machine.RunnerConfig[add, int]{Name: "climber", Machine: c, Log: &memLog{atOnce: true}})
		defer r.Close()
		answered := make(chan error, 1)
		r.Submit(func(ticket machine.Ticket) add { return add{ticket: ticket, amount: 7} }, func(_ any, err error) { answered <- err })
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
	})
}
