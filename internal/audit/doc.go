// Package audit keeps a record of who did what from where with which outcome: authentications, refusals, administrative requests, and by rule
// access to data. It writes events as lines of JSON to a topic, to a file, or to both.
//
// It does not know requests or connections: whoever does forms events and hands them over. Which events there are and how they are put together is
// decided by pure parts (Rules, summaries); Log is the shell around them.
//
// Invariants. Nobody who hands over an event ever waits for anything but a short lock: queues have a bound, and what does not fit is counted, told by
// metric, and reported by an event of its own once there is room again. Events of one node are written in the order in which they were handed over.
package audit
