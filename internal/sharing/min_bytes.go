package sharing

import "time"

// tooLittle reports whether the fetch has to wait for more bytes than there are (fetch.min.bytes). As in Kafka everything counts from the first record that may be
// acquired up to where the group may read, whoever holds records between; once the deadline has come, whatever there is will do.
func (f *Fetch) tooLittle() bool {
	f.counting = false
	if f.MinBytes <= 1 || len(f.Parts) == 0 || f.MaxRecords <= 0 || f.MaxBytes <= 0 {
		return false
	}
	if !time.Now().Before(f.Deadline) {
		return false
	}
	f.counting, f.counted = true, 0
	f.try()
	if f.counted >= f.MinBytes || f.failed == len(f.Parts) {
		f.counting = false
	}
	return f.counting
}

// count adds what there is in one partition. In a group that is ordered by key bytes say nothing about what may be acquired, so it never waits for them.
func (f *Fetch) count(p *sharePartition, s *seen) error {
	if p.byKey() {
		f.counted = f.MinBytes
		return nil
	}
	from, ok := p.want()
	need := f.MinBytes - f.counted
	if !ok || from >= s.bound || need <= 0 {
		return nil
	}
	slice, err := p.replica.Log().Read(from, need, s.isolation, true)
	if err != nil {
		return p.readError(err)
	}
	defer slice.Release()
	if f.counted += slice.Len(); slice.NextOffset < s.bound {
		f.counted = f.MinBytes // and more, in the same segment or in a later one
	}
	return nil
}
