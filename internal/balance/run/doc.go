// Package run makes the moves that package balance plans, on the node whose controller is active: it looks at the image now and then, asks brokers how full
// they are, and hands reassignments to the controller, few at a time. It decides when something is planned and how much of it is under way; what goes where is
// for package balance.
//
// What holds: a reassignment that somebody else began is neither changed nor called back, and while there is one nothing but draining goes on. A move is
// begun only if the partition is still as the plan found it. What is under way is noted in the configuration of the topics (leat.balance.moving), which brokers
// throttle it by, and from which a controller that becomes active knows it again. All else here is soft state: it begins with a wait of leat.balance.delay.ms
// and a plan of its own.
//
// Cost: nothing while there is one broker, otherwise one goroutine and a look at the brokers every few seconds. Brokers are asked for sizes once per plan, and
// plans are made every leat.balance.interval.ms at most, or when a broker is to be drained.
package run
