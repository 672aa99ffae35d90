package admin

import "testing"

func TestHowFarMovesBetweenDirectoriesAre(t *testing.T) {
	r := replica{partition{"orders", 3}, 1}
	for at, want := range map[whereabouts]string{
		{"/a", ""}:   "Partition orders-3 on broker 1 is not being moved from log dir /a to /b.",
		{"/b", ""}:   "Reassignment of replica orders-3-1 completed successfully.",
		{"/a", "/b"}: "Reassignment of replica orders-3-1 is still in progress.",
		{"/a", "/c"}: "Partition orders-3 on broker 1 is being moved to log dir /c instead of /b.",
		{"", ""}:     "Partition orders-3 cannot be found in any live log directory on broker 1.",
	} {
		if got := directoryMove(r, "/b", at); got != want {
			t.Errorf("%v: %s", at, got)
		}
	}
}

func TestAddressesAreChecked(t *testing.T) {
	for servers, want := range map[string]string{"a:1,[::1]:2": "", "a": "Invalid url in bootstrap.servers: a", "a:1,b:x": "Invalid url in bootstrap.servers: b:x", "a:70000": "Invalid url in bootstrap.servers: a:70000"} {
		got := ""
		if err := checkURLs(servers); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", servers, got)
		}
	}
}
