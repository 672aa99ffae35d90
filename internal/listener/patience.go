package listener

// OnNext has f called when another request of the connection has come, or none can come any more, and this one is not answered: what waits only for
// news is answered then, because the answers leave in order. Only the handler calls it, before it returns.
func (r *Request) OnNext(f func()) { r.onNext = f }

// giveWay tells the last request that the connection has something else to say.
func (c *conn) giveWay() {
	r := c.patient
	if c.patient = nil; r != nil && !r.answered.Load() {
		r.onNext()
	}
}
