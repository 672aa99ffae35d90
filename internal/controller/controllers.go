package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// levelControllers is the level of metadata.version from which nodes can read registrations of controllers (3.7-IV0).
const levelControllers = 15

func (m *Machine) registerController(r *kmsg.ControllerRegistrationRequest) answer {
	resp := r.ResponseKind().(*kmsg.ControllerRegistrationResponse)
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelControllers {
		problem := refuse(kerr.UnsupportedVersion, "The current MetadataVersion is too old to support controller registrations.")
		resp.ErrorCode, resp.ErrorMessage = problem.Code(), problem.Message()
		return answer{response: resp}
	}
	reg := &metadata.RegisterControllerRecord{ControllerID: r.ControllerID, IncarnationID: r.IncarnationID, ZkMigrationReady: r.ZkMigrationReady}
	for _, l := range r.Listeners {
		reg.EndPoints = append(reg.EndPoints, metadata.RecordEndpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: l.SecurityProtocol})
	}
	for _, f := range r.Features {
		reg.Features = append(reg.Features, metadata.RecordFeature{
			Name: f.Name, MinSupportedVersion: f.MinSupportedVersion, MaxSupportedVersion: f.MaxSupportedVersion})
	}
	for _, known := range m.image().Controllers() {
		if known.ControllerID == r.ControllerID && same(known, reg) {
			return answer{response: resp}
		}
	}
	return answer{response: resp, records: []Record{reg}}
}

func (m *Machine) unregisterController(r *kmsg.UnregisterControllerRequest) answer {
	resp := r.ResponseKind().(*kmsg.UnregisterControllerResponse)
	if problem := m.checkUnregisterController(r.ControllerID); problem != nil {
		resp.ErrorCode, resp.ErrorMessage = problem.Code(), problem.Message()
		return answer{response: resp}
	}
	return answer{response: resp, records: []Record{&metadata.UnregisterControllerRecord{ControllerID: r.ControllerID}}}
}

// levelUnregisterController is the level of metadata.version from which nodes can read that a controller was unregistered.
const levelUnregisterController = 33

func (m *Machine) checkUnregisterController(id int32) *refusal {
	if id == m.cfg.NodeID {
		return refuse(kerr.InvalidRequest, "Controller cannot unregister itself while it is active.")
	}
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelUnregisterController {
		return refuse(kerr.UnsupportedVersion, "The current MetadataVersion is too old to support controller unregistration.")
	}
	for _, c := range m.image().Controllers() {
		if c.ControllerID == id {
			return nil
		}
	}
	return refuse(kerr.ControllerIDNotRegistered, "Controller ID %d is not currently registered.", id)
}
