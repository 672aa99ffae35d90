//go:build race

package record

func init() { raceDetector = true }
