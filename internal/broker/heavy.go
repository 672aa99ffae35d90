package broker

import "runtime"

// manyTopics is from how many topics on an answer is worth a turn: below, others notice nothing of it.
const manyTopics = 200

// heavyTurns are for answers whose making takes a processor for long enough that others notice. As many are made at once as leave a processor for everything
// else; who waits for a turn waits here and not among what the processors have to do next, where a hundred of them would stand before everybody.
var heavyTurns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))

// inTurn calls do, which does not wait, when it is its turn; size is about how many topics it is about.
func inTurn(size int, do func()) {
	if size <= manyTopics {
		do()
		return
	}
	heavyTurns <- struct{}{}
	defer func() { <-heavyTurns }()
	do()
}

// breathe lets others have the processor now and then: n counts what was done in a turn.
func breathe(n int) {
	if n%manyTopics == manyTopics-1 {
		runtime.Gosched()
	}
}
