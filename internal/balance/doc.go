// Package balance decides which replicas go where: away from brokers that are drained and from disks that are full, then onto brokers that have
// fewer than the others. It is a core: a state goes in, a plan comes out, and nothing is moved here.
//
// Terms. The pool is the brokers that take replicas and are evened out: neither draining nor cordoned. The spread of a partition is the number
// of racks that its replicas are in. A move changes the replicas of one partition, each partition at most once in a plan; one that only changes
// their order makes another broker the preferred leader and costs no bytes.
//
// Goals, each only as far as it harms none before it:
//
//  1. No move takes a replica away before the new one is in sync (that is what a reassignment does), and none lowers the number of replicas.
//  2. No move lowers a spread, unless a rack is drained whole.
//  3. Draining brokers become empty, full disks less full.
//  4. Replicas are in as many racks as they can be.
//  5. Numbers of replicas, bytes and preferred leaders are even, within a tolerance, with the fewest bytes moved.
//
// Invariant: a plan for the state that a plan leads to is empty. A pass over the goals starts from the state alone, every step lowers what its goal
// counts and raises nothing that an earlier goal counts, and passes are repeated until one changes nothing.
package balance
