package sharing

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// durationForm is the ISO 8601 durations that share.auto.offset.reset takes, as Java reads them: days, hours, minutes and seconds.
var durationForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,9}))?S)?)?$`)

// resetDuration is how far back by_duration:PnDTnHnMn.nS goes.
func resetDuration(reset string) (time.Duration, error) {
	form, ok := strings.CutPrefix(reset, "by_duration:")
	m := durationForm.FindStringSubmatch(strings.ToUpper(form))
	if !ok || m == nil {
		return 0, fmt.Errorf("share.auto.offset.reset=%s: not latest, earliest or by_duration with a duration such as PT1H", reset)
	}
	var back time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.ParseInt("0"+m[i+1], 10, 32)
		back += time.Duration(n) * unit
	}
	if m[5] != "" {
		n, _ := strconv.Atoi((m[5] + "00000000")[:9])
		back += time.Duration(n)
	}
	return back, nil
}
