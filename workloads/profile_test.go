// SPDX-License-Identifier: MIT

package workloads

import (
	"strings"
	"testing"
)

func TestParseProfile(t *testing.T) {
	for text, want := range map[string]Spec{
		"profile=redis":              {Profile: "redis", N: 1000, Procs: 1},
		"profile=nginx":              {Profile: "nginx", N: 1000, Procs: 3},
		"profile=nginx,n=70,procs=9": {Profile: "nginx", N: 70, Procs: 9},
		"profile=haproxy,procs=2":    {Profile: "haproxy", N: 1000, Procs: 2},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", text, got, err, want)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%q: read again as %+v, %v", got, again, err)
		}
	}
}

func TestProfileErrorsSayWhatToChange(t *testing.T) {
	for text, want := range map[string]string{
		"profile=apache":                            `unknown profile "apache" (profiles: nginx, redis, haproxy, node, netty, go)`,
		"profile=redis,shape=moved":                 "profile=redis decides shape: leave that out",
		"profile=go,kind=tcp,epolls=2,idle=3":       "profile=go decides kind, epolls, idle: leave that out",
		"profile=nginx,tree=forked,churn=4,procs=2": "profile=nginx decides tree, churn: leave that out",
		"profile=node,procs=2":                      "profile=node decides procs: leave that out",
		"profile=nginx,procs=1":                     "profile=nginx needs procs=2 or more",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestProfilesFitOrSayThatTheyDoNot(t *testing.T) {
	limit, err := descriptorLimit()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Profiles() {
		s := Spec{Profile: name, N: min(2*limit, axes[0].max)}
		w, err := Start(t.Context(), s)
		if err == nil {
			w.Close()
			t.Errorf("%v was started", s)
			continue
		}
		if want := "is too low for profile=" + name; !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", s, err, want)
		}
	}
	const most = 20_000
	startWorkload(t, Spec{Profile: "haproxy", N: (min(limit, most) - reserve) / 2})
}

func TestTruthOfProfilesIsWhatTheKernelSays(t *testing.T) {
	var specs []Spec
	for _, name := range Profiles() {
		specs = append(specs, Spec{Profile: name, N: 1}, Spec{Profile: name, N: 51})
	}
	for _, s := range append(specs, Spec{Profile: "nginx", N: 10, Procs: 6}) {
		t.Run(s.String(), func(t *testing.T) {
			w := startWorkload(t, s)
			checkFdinfo(t, w)
			checkTargets(t, w)
		})
	}
}
