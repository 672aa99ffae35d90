package cli

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"leat/internal/storage/inspect"
)

// The lines of leat log dump: JSON by their fields, text by String.
type (
	fileLine struct {
		Kind  string `json:"kind"`
		File  string `json:"file"`
		Type  string `json:"type"`
		Bytes int64  `json:"bytes"`
	}
	troubleLine struct {
		Kind    string `json:"kind"`
		File    string `json:"file"`
		Problem string `json:"problem"`
	}
	batchLine struct {
		Kind          string `json:"kind"`
		Position      int64  `json:"position"`
		Bytes         int64  `json:"bytes"`
		Magic         int8   `json:"magic"`
		BaseOffset    int64  `json:"base_offset"`
		LastOffset    int64  `json:"last_offset"`
		Records       int32  `json:"records"`
		Codec         string `json:"codec"`
		TimestampType string `json:"timestamp_type"`
		MaxTimestamp  int64  `json:"max_timestamp"`
		LeaderEpoch   int32  `json:"leader_epoch"`
		ProducerID    int64  `json:"producer_id"`
		ProducerEpoch int16  `json:"producer_epoch"`
		BaseSequence  int32  `json:"base_sequence"`
		Transactional bool   `json:"transactional"`
		Control       bool   `json:"control"`
		DeleteHorizon *int64 `json:"delete_horizon"`
		CRC           uint32 `json:"crc"`
		Valid         bool   `json:"valid"`
	}
	recordLine struct {
		Kind      string       `json:"kind"`
		Offset    int64        `json:"offset"`
		Timestamp int64        `json:"timestamp"`
		Sequence  int32        `json:"sequence"`
		KeySize   int          `json:"key_size"`
		ValueSize int          `json:"value_size"`
		Control   string       `json:"control,omitempty"`
		Key       *string      `json:"key,omitempty"`
		Value     *string      `json:"value,omitempty"`
		Headers   []headerLine `json:"headers,omitempty"`
	}
	headerLine struct {
		Key   string  `json:"key"`
		Value *string `json:"value"`
	}
	offsetEntryLine struct {
		Kind string `json:"kind"`
		inspect.OffsetEntry
	}
	timeEntryLine struct {
		Kind string `json:"kind"`
		inspect.TimeEntry
	}
	// pairsLine is a line of names and values, for everything small.
	pairsLine struct {
		kind  string
		pairs []pair
	}
	pair struct {
		name  string
		value any
	}
)

func hexText(b []byte) string { return hex.EncodeToString(b) }

// clock is a timestamp for people.
func clock(ms int64) string {
	if ms < 0 || ms > 253402300799999 {
		return fmt.Sprint(ms)
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

func (l *fileLine) String() string    { return fmt.Sprintf("%s (%d bytes)", l.File, l.Bytes) }
func (l *troubleLine) String() string { return fmt.Sprintf("  TROUBLE %s", l.Problem) }

func (l *batchLine) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "  %8d  offsets %d to %d, %d records, %d bytes, %s, %s, epoch %d", l.Position, l.BaseOffset, l.LastOffset, l.Records, l.Bytes,
		l.Codec, clock(l.MaxTimestamp), l.LeaderEpoch)
	if l.TimestampType != "CreateTime" {
		out.WriteString(", " + l.TimestampType)
	}
	if l.Magic != 2 {
		fmt.Fprintf(&out, ", magic %d", l.Magic)
	}
	if l.ProducerID >= 0 {
		fmt.Fprintf(&out, ", producer %d epoch %d", l.ProducerID, l.ProducerEpoch)
		if l.BaseSequence >= 0 {
			fmt.Fprintf(&out, " sequence %d", l.BaseSequence)
		}
	}
	for _, word := range []struct {
		set  bool
		text string
	}{{l.Transactional, "transactional"}, {l.Control, "control"}, {!l.Valid, "CRC DOES NOT FIT"}} {
		if word.set {
			out.WriteString(", " + word.text)
		}
	}
	if l.DeleteHorizon != nil {
		out.WriteString(", tombstones may go at " + clock(*l.DeleteHorizon))
	}
	return out.String()
}

func (l *recordLine) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "            %d  %s", l.Offset, clock(l.Timestamp))
	if l.Control != "" {
		return out.String() + "  " + strings.TrimSpace(l.Control)
	}
	switch {
	case l.Key != nil:
		fmt.Fprintf(&out, "  key %s", *l.Key)
	case l.KeySize >= 0:
		fmt.Fprintf(&out, "  key of %d bytes", l.KeySize)
	}
	switch {
	case l.Value != nil:
		fmt.Fprintf(&out, "  value %s", *l.Value)
	case l.ValueSize >= 0:
		fmt.Fprintf(&out, "  value of %d bytes", l.ValueSize)
	default:
		out.WriteString("  no value")
	}
	for _, h := range l.Headers {
		fmt.Fprintf(&out, "  header %s", h.Key)
		if h.Value != nil {
			out.WriteString("=" + *h.Value)
		}
	}
	return out.String()
}

func (l *offsetEntryLine) String() string {
	return fmt.Sprintf("  offset %d at position %d", l.Offset, l.Position)
}

func (l *timeEntryLine) String() string {
	return fmt.Sprintf("  %s up to offset %d", clock(l.Timestamp), l.Offset)
}
