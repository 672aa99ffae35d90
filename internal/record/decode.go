package record

// maxHeaders bounds the headers of one record that are decoded: two bytes of a foreign record become forty of ours.
const maxHeaders = 1 << 20

// cursor reads the fields of one record's body. The first field that does not fit is named in bad; what is read after it is zero.
type cursor struct {
	b   []byte
	bad string
}

func (c *cursor) fail(field string) {
	if c.bad == "" {
		c.bad = field
	}
	c.b = nil
}

func (c *cursor) varint(field string) int32 {
	v, n := varint(c.b)
	if n <= 0 {
		c.fail(field)
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varlong(field string) int64 {
	v, n := varlong(c.b)
	if n <= 0 {
		c.fail(field)
		return 0
	}
	c.b = c.b[n:]
	return v
}

// bytes reads a length and that many bytes. Any negative length is null, as Kafka reads it.
func (c *cursor) bytes(field string) []byte {
	n := c.varint(field)
	if n < 0 || c.bad != "" {
		return nil
	}
	if int(n) > len(c.b) {
		c.fail(field)
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// decodeRecord reads a record's body into r, whose Offset and Timestamp become the deltas. With headers false it verifies the
// headers but leaves r.Headers alone. It returns what does not fit, "" if everything does.
func decodeRecord(body []byte, r *Record, headers bool) string {
	if len(body) == 0 {
		return "attributes"
	}
	c := cursor{b: body[1:]} // the attributes of a record have no meaning yet; Kafka ignores them
	r.Timestamp = c.varlong("timestamp")
	r.Offset = int64(c.varint("offset"))
	r.Key = c.bytes("key")
	r.Value = c.bytes("value")
	count := c.varint("number of headers")
	if count < 0 || int(count) > len(c.b) {
		c.fail("number of headers")
	}
	if headers {
		c.headers(r, int(count))
	} else {
		c.skipHeaders(int(count))
	}
	if c.bad == "" && len(c.b) != 0 {
		return "size: bytes remain after the last header"
	}
	return c.bad
}

func (c *cursor) skipHeaders(count int) {
	for i := 0; i < count && c.bad == ""; i++ {
		c.headerKey()
		c.bytes("header value")
	}
}

func (c *cursor) headerKey() []byte {
	n := c.varint("header key")
	if n < 0 || int(n) > len(c.b) {
		c.fail("header key")
		return nil
	}
	key := c.b[:n]
	c.b = c.b[n:]
	return key
}

// headers decodes into the headers that r had for the record before. Producers repeat header keys, so a key equal to the one in
// the same place is not allocated again.
func (c *cursor) headers(r *Record, count int) {
	if count > maxHeaders {
		c.fail("number of headers")
	}
	if c.bad != "" {
		return
	}
	before := r.Headers[:cap(r.Headers)]
	r.Headers = r.Headers[:0]
	for i := 0; i < count && c.bad == ""; i++ {
		raw := c.headerKey()
		var key string
		if i < len(before) && before[i].Key == string(raw) {
			key = before[i].Key
		} else {
			key = string(raw)
		}
		r.Headers = append(r.Headers, Header{Key: key, Value: c.bytes("header value")})
	}
}
