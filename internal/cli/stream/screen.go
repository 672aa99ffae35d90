package stream

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// width is how wide the terminal behind a stream is; 0: it is none.
func width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

// progress says a few times a second how far a command is, if somebody looks.
type progress struct {
	line  *present.Progress
	began time.Time
	last  time.Time
}

func newProgress(s run.Streams) *progress {
	return &progress{line: present.To(s).Progress(), began: time.Now(), last: time.Now()}
}

func (p *progress) show(records, bytes int64) {
	now := time.Now()
	if now.Sub(p.last) < 250*time.Millisecond {
		return
	}
	p.last = now
	p.line.Say("%s, %s, %s/s", counted(records), size(bytes), size(int64(float64(bytes)/now.Sub(p.began).Seconds())))
}

// thousands writes a number as 12,345.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	var out strings.Builder
	for i, c := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	return sign + out.String()
}

// size writes a number of bytes.
func size(n int64) string {
	unit, v := 0, float64(n)
	for v >= 1024 && unit < 4 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", v, "BKMGT"[unit])
}
