package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// manifest is what the program reads of a rendered chart: a StatefulSet and the files of its ConfigMap.
type manifest struct {
	set   statefulSet
	files map[string]map[string]string // by ConfigMap
}

// statefulSet has the fields of one that say how its pods are run.
type statefulSet struct {
	Metadata struct{ Name string }
	Spec     struct {
		ServiceName         string `yaml:"serviceName"`
		Replicas            int
		PodManagementPolicy string `yaml:"podManagementPolicy"`
		MinReadySeconds     int    `yaml:"minReadySeconds"`
		Template            struct {
			Metadata struct{ Labels map[string]string }
			Spec     podSpec
		}
	}
}

type podSpec struct {
	TerminationGracePeriodSeconds int             `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               securityContext `yaml:"securityContext"`
	Containers                    []container
	Volumes                       []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
		}
	}
}

type securityContext struct {
	RunAsUser  int `yaml:"runAsUser"`
	RunAsGroup int `yaml:"runAsGroup"`
	FSGroup    int `yaml:"fsGroup"`
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   struct {
			FieldRef struct {
				FieldPath string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	VolumeMounts []struct {
		Name        string
		MountPath   string `yaml:"mountPath"`
		SubPath     string `yaml:"subPath"`
		SubPathExpr string `yaml:"subPathExpr"`
		ReadOnly    bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
	StartupProbe    probe `yaml:"startupProbe"`
	LivenessProbe   probe `yaml:"livenessProbe"`
	ReadinessProbe  probe `yaml:"readinessProbe"`
	SecurityContext struct {
		ReadOnlyRootFilesystem bool `yaml:"readOnlyRootFilesystem"`
	} `yaml:"securityContext"`
}

// probe is an HTTP probe.
type probe struct {
	HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
	PeriodSeconds    int                         `yaml:"periodSeconds"`
	TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
	FailureThreshold int                         `yaml:"failureThreshold"`
}

func (p *probe) period() time.Duration { return time.Duration(max(p.PeriodSeconds, 1)) * time.Second }

// readManifest reads what `helm template` printed.
func readManifest(file string) (*manifest, error) {
	in, err := os.Open(file) //nolint:gosec // named by whoever runs this
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	m := &manifest{files: map[string]map[string]string{}}
	for d := yaml.NewDecoder(in); ; {
		var node yaml.Node
		if err := d.Decode(&node); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err := m.take(&node); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(m.set.Spec.Template.Spec.Containers) != 1 {
		return nil, fmt.Errorf("%s: no StatefulSet whose pods have one container", file)
	}
	return m, nil
}

func (m *manifest) take(node *yaml.Node) error {
	var head struct {
		Kind     string
		Metadata struct{ Name string }
		Data     map[string]string
	}
	_ = node.Decode(&head) // others have data of other forms
	switch head.Kind {
	case "StatefulSet":
		return node.Decode(&m.set)
	case "ConfigMap":
		m.files[head.Metadata.Name] = head.Data
	}
	return nil
}

func (m *manifest) container() *container { return &m.set.Spec.Template.Spec.Containers[0] }

func (m *manifest) podName(i int) string { return fmt.Sprintf("%s-%d", m.set.Metadata.Name, i) }

// environment is that of a pod, in order: fields of the pod, and references to variables before.
func (m *manifest) environment(i int, image []string) ([]string, error) {
	known := map[string]string{}
	var names []string
	put := func(name, value string) {
		if _, there := known[name]; !there {
			names = append(names, name)
		}
		known[name] = value
	}
	for _, v := range image {
		name, value, _ := strings.Cut(v, "=")
		put(name, value)
	}
	for _, v := range m.container().Env {
		value := expand(v.Value, known)
		if field := v.ValueFrom.FieldRef.FieldPath; field != "" {
			var err error
			if value, err = m.field(i, field); err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			}
		}
		put(v.Name, value)
	}
	all := make([]string, 0, len(names))
	for _, name := range names {
		all = append(all, name+"="+known[name])
	}
	return all, nil
}

// field is what a pod knows of itself.
func (m *manifest) field(i int, name string) (string, error) {
	if label, ok := strings.CutPrefix(name, "metadata.labels['"); ok {
		return m.set.Spec.Template.Metadata.Labels[strings.TrimSuffix(label, "']")], nil
	}
	if name == "metadata.name" {
		return m.podName(i), nil
	}
	return "", fmt.Errorf("%s is not known here", name)
}

var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

// expand replaces $(NAME) by variables that are known.
func expand(text string, known map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := known[found[2:len(found)-1]]; ok {
			return value
		}
		return found
	})
}

// port is a port of the container by its name.
func (c *container) port(name string) (int, error) {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort, nil
		}
	}
	return 0, fmt.Errorf("the container has no port %q", name)
}

// host is the name under which the others find a pod, by the service of the set.
func (m *manifest) host(i int) []string {
	inner := m.podName(i) + "." + m.set.Spec.ServiceName
	return []string{m.podName(i), inner, path.Join(inner + ".default.svc"), inner + ".default.svc.cluster.local"}
}
