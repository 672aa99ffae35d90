//go:build race

package listener

func init() { raceDetector = true }
