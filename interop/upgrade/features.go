package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

// features are the finalised ones, as a node tells.
func (c *cluster) features(n *fleet.Node) (map[string]int16, error) {
	finalised, _, err := c.told(n)
	return finalised, err
}

// told are the finalised features and the highest levels that a node supports.
func (c *cluster) told(n *fleet.Node) (finalised, supported map[string]int16, err error) {
	rq := kmsg.NewPtrApiVersionsRequest()
	rq.ClientSoftwareName, rq.ClientSoftwareVersion = "leat-upgrade", "1"
	answer, err := ask(c.ctx, n, rq)
	if err != nil {
		return nil, nil, err
	}
	r := answer.(*kmsg.ApiVersionsResponse)
	finalised, supported = map[string]int16{}, map[string]int16{}
	for _, f := range r.FinalizedFeatures {
		finalised[f.Name] = f.MaxVersionLevel
	}
	for _, f := range r.SupportedFeatures {
		supported[f.Name] = f.MaxVersion
	}
	return finalised, supported, kerr.ErrorForCode(r.ErrorCode)
}

// unraised checks that all nodes tell the features with which the cluster began.
func (c *cluster) unraised() error {
	for _, n := range c.Nodes {
		got, err := c.features(n)
		if err != nil {
			return err
		}
		if !maps.Equal(got, c.began) {
			return fmt.Errorf("node %d (%s): features are %v, the cluster began with %v", n.ID, c.builds(), got, c.began)
		}
	}
	return nil
}

// raise asks for levels, again if there was just no controller to decide.
func (c *cluster) raise(n *fleet.Node, levels map[string]int16, dryRun bool) error {
	for end := time.Now().Add(fleet.Patience); ; time.Sleep(50 * time.Millisecond) {
		err := c.raiseOnce(n, levels, dryRun)
		if err == nil || !kerr.IsRetriable(err) || time.Now().After(end) {
			return err
		}
	}
}

func (c *cluster) raiseOnce(n *fleet.Node, levels map[string]int16, dryRun bool) error {
	rq := kmsg.NewPtrUpdateFeaturesRequest()
	rq.TimeoutMillis, rq.ValidateOnly = 20_000, dryRun
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		u.Feature, u.MaxVersionLevel, u.UpgradeType = name, levels[name], 1
		rq.FeatureUpdates = append(rq.FeatureUpdates, u)
	}
	answer, err := ask(c.ctx, n, rq)
	if err != nil {
		return err
	}
	r := answer.(*kmsg.UpdateFeaturesResponse)
	err = kerr.ErrorForCode(r.ErrorCode)
	if r.ErrorMessage != nil && err != nil {
		err = fmt.Errorf("%w: %s", err, *r.ErrorMessage)
	}
	for _, one := range r.Results {
		err = errors.Join(err, kerr.ErrorForCode(one.ErrorCode))
	}
	return err
}

// newest are the levels that this build supports, of the features that can be raised.
func (c *cluster) newest() (map[string]int16, error) {
	for _, n := range c.Nodes {
		if n.Binary != c.current {
			continue
		}
		_, supported, err := c.told(n)
		delete(supported, "kraft.version") // that of the voters: raised by naming their directories
		maps.DeleteFunc(supported, func(name string, level int16) bool { return level <= c.began[name] })
		return supported, err
	}
	return nil, errors.New("no node is of this build")
}

// notYet tries to raise a feature beyond what all nodes support, and all of them by way of trial.
func (c *cluster) notYet() error {
	levels, err := c.newest()
	if err != nil {
		return err
	}
	if err := c.raise(c.Nodes[0], levels, true); err != nil {
		return fmt.Errorf("dry run of %v: %w", levels, err)
	}
	if err := c.raise(c.Nodes[0], map[string]int16{"metadata.version": levels["metadata.version"] + 1}, false); err == nil {
		return errors.New("metadata.version was raised beyond what any node supports")
	}
	return c.unraised()
}

// finalise raises all features, and sees every node follow.
func (c *cluster) finalise() error {
	levels, err := c.newest()
	if err != nil {
		return err
	}
	if len(levels) == 0 {
		return fmt.Errorf("nothing can be raised: the cluster began with %v", c.began)
	}
	if err := c.raise(c.Nodes[2], levels, false); err != nil {
		return err
	}
	want := maps.Clone(c.began)
	maps.Copy(want, levels)
	for _, n := range c.Nodes {
		for end := time.Now().Add(fleet.Patience); ; time.Sleep(20 * time.Millisecond) {
			got, err := c.features(n)
			if err == nil && maps.Equal(got, want) {
				break
			}
			if time.Now().After(end) {
				return errors.Join(err, fmt.Errorf("node %d: features are %v, want %v", n.ID, got, want))
			}
		}
	}
	fmt.Printf("upgrade    features %v became %v\n", c.began, want)
	c.began = want
	return c.works()
}
