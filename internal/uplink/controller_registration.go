package uplink

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// RegistrationConfig is what RegisterController needs.
type RegistrationConfig struct {
	NodeID     int32
	Endpoints  []metadata.Endpoint
	Controller Controller // the way to the active one
	Logger     *slog.Logger
}

// Registration keeps this controller registered with the active one (KIP-919), so that the others know where it is reached and which features it
// can run with. One goroutine asks, while an image shows that it is not registered as what it is now; it ends with Close.
type Registration struct {
	cfg         RegistrationConfig
	incarnation record.UUID
	poke        chan struct{} // holds one
	ctx         context.Context
	cancel      context.CancelFunc
	done        sync.WaitGroup
}

// RegisterController begins to keep a controller registered. Publish tells it when there is something to do.
func RegisterController(cfg RegistrationConfig) *Registration {
	r := &Registration{cfg: cfg, poke: make(chan struct{}, 1)}
	_, _ = rand.Read(r.incarnation[:]) // never fails
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.done.Go(r.run)
	return r
}

// controllerRegistrationSince is the metadata.version from which on controllers register.
const controllerRegistrationSince = 15

// Publish follows the images. It does not wait.
func (r *Registration) Publish(im *metadata.Image) {
	if im.Feature(metadata.FeatureMetadataVersion) < controllerRegistrationSince {
		return
	}
	for _, known := range im.Controllers() {
		if known.ControllerID == r.cfg.NodeID && known.IncarnationID == r.incarnation {
			return
		}
	}
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// Close ends it.
func (r *Registration) Close() {
	r.cancel()
	r.done.Wait()
}

func (r *Registration) run() {
	var complained time.Time
	for {
		select {
		case <-r.poke:
		case <-r.ctx.Done():
			return
		}
		for {
			err := r.register()
			if err == nil || r.ctx.Err() != nil {
				break
			}
			if time.Since(complained) > complainEvery {
				complained = time.Now()
				r.cfg.Logger.Warn("controller not registered yet, trying on", "node", r.cfg.NodeID, "err", err)
			}
			if pause(r.ctx, retryPause) != nil {
				return
			}
		}
	}
}

func (r *Registration) register() error {
	ctx, cancel := context.WithTimeout(r.ctx, complainEvery)
	defer cancel()
	rq := kmsg.NewPtrControllerRegistrationRequest()
	rq.Version = rq.MaxVersion()
	rq.ControllerID, rq.IncarnationID = r.cfg.NodeID, r.incarnation
	for _, e := range r.cfg.Endpoints {
		l := kmsg.NewControllerRegistrationRequestListener()
		l.Name, l.Host, l.Port, l.SecurityProtocol = e.Name, e.Host, e.Port, int16(e.Protocol)
		rq.Listeners = append(rq.Listeners, l)
	}
	for _, f := range metadata.SupportedFeatures() {
		rf := kmsg.NewControllerRegistrationRequestFeature()
		rf.Name, rf.MinSupportedVersion, rf.MaxSupportedVersion = f.Name, f.Range.Min, f.Range.Max
		rq.Features = append(rq.Features, rf)
	}
	response, err := r.cfg.Controller.Do(ctx, security.Anonymous, rq)
	if err != nil {
		return err
	}
	resp, ok := response.(*kmsg.ControllerRegistrationResponse)
	if !ok {
		return fmt.Errorf("controller answered a registration with %T", response)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
