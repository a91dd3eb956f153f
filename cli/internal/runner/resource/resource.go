// Package resource reads the component folders before any sidecar does. The Dapr runtime skips what it cannot
// parse and mentions it in a warning; here it is an error with file and line.
package resource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seaport.example/cli/internal/runner/document"
)

// Set is what a profile consists of.
type Set struct {
	// Folders are the resource folders, in the order sidecars read them.
	Folders []string
	// Config is the path of the sidecars' Configuration, Resiliency that of their policies.
	Config     string
	Resiliency string

	Components    []Component
	Subscriptions []Subscription

	declared map[string][]string // topics by pub/sub component
	uses     []Use
}

// Use says that a file asks for a component type.
type Use struct {
	Type string // such as state.sqlite or nameresolution.mdns
	File string
}

// Missing lists the uses of component types that are not among those given.
func (s *Set) Missing(types []string) []Use {
	var missing []Use
	for _, use := range s.uses {
		if !slices.Contains(types, use.Type) {
			missing = append(missing, use)
		}
	}
	return missing
}

// Actors reports whether a state store keeps actors, which workflows are made of: they need the placement service, and
// the scheduler for their reminders.
func (s *Set) Actors() bool {
	return slices.ContainsFunc(s.Components, func(c Component) bool {
		return slices.ContainsFunc(c.Spec.Metadata, func(p Property) bool {
			return strings.EqualFold(p.Name, "actorStateStore") && fmt.Sprint(p.Value) == "true"
		})
	})
}

// Component is a broker, a store or another building block.
type Component struct {
	header `yaml:",inline"`
	Spec   struct {
		Type         string     `yaml:"type"`
		Version      string     `yaml:"version"`
		IgnoreErrors bool       `yaml:"ignoreErrors"`
		InitTimeout  string     `yaml:"initTimeout"`
		Metadata     []Property `yaml:"metadata"`
	} `yaml:"spec"`
	Auth struct {
		SecretStore string `yaml:"secretStore"`
	} `yaml:"auth"`

	// File is the file it stands in.
	File string `yaml:"-"`
}

// Property is one setting of a component. Its value stands here, in a secret store, or in an
// environment variable.
type Property struct {
	Name         string `yaml:"name"`
	Value        any    `yaml:"value"`
	EnvRef       string `yaml:"envRef"`
	SecretKeyRef struct {
		Name string `yaml:"name"`
		Key  string `yaml:"key"`
	} `yaml:"secretKeyRef"`
}

// Subscription brings a topic to an app.
type Subscription struct {
	header `yaml:",inline"`
	Spec   struct {
		PubsubName string            `yaml:"pubsubname"`
		Topic      string            `yaml:"topic"`
		Metadata   map[string]string `yaml:"metadata"`
		Routes     struct {
			Rules []struct {
				Match string `yaml:"match"`
				Path  string `yaml:"path"`
			} `yaml:"rules"`
			Default string `yaml:"default"`
		} `yaml:"routes"`
		DeadLetterTopic string `yaml:"deadLetterTopic"`
		BulkSubscribe   struct {
			Enabled            bool `yaml:"enabled"`
			MaxMessagesCount   int  `yaml:"maxMessagesCount"`
			MaxAwaitDurationMs int  `yaml:"maxAwaitDurationMs"`
		} `yaml:"bulkSubscribe"`
	} `yaml:"spec"`

	doc *document.Document
}

type header struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Scopes []string `yaml:"scopes"`
}

// Name is the resource's logical name.
func (h header) Name() string { return h.Metadata.Name }

// apiVersions says which version of each kind the pinned runtime reads.
var apiVersions = map[string]string{
	"Component":     "dapr.io/v1alpha1",
	"Configuration": "dapr.io/v1alpha1",
	"HTTPEndpoint":  "dapr.io/v1alpha1",
	"Resiliency":    "dapr.io/v1alpha1",
	"Subscription":  "dapr.io/v2alpha1",
}

const configFile = "config.yaml"

// shared are the folders with the one component that profiles have in common, unless a profile brings its own.
var shared = []struct{ folder, component string }{{"secrets", "secretstore"}, {"mail", "mailer"}}

// Load reads profile from the folder components: its own folder, common, which all profiles share, and of the shared
// components those that the profile has not itself.
func Load(components, profile string) (*Set, error) {
	folder := filepath.Join(components, profile)
	if profile == "" || profile == "common" || filepath.Base(profile) != profile {
		return nil, fmt.Errorf("profile %q: choose one of %s", profile, strings.Join(Profiles(components), ", "))
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("profile %q has no folder %s: choose one of %s", profile, folder, strings.Join(Profiles(components), ", "))
	}
	set := &Set{
		Folders: []string{filepath.Join(components, "common"), folder},
		Config:  filepath.Join(folder, configFile),
	}
	if _, err := os.Stat(set.Config); err != nil {
		return nil, fmt.Errorf("profile %q needs a Configuration: %w", profile, err)
	}
	if err := set.readTopics(components); err != nil {
		return nil, err
	}
	names := map[string]string{}
	var problems []error
	for _, folder := range set.Folders {
		problems = append(problems, set.readFolder(folder, names))
	}
	for _, usual := range shared {
		folder := filepath.Join(components, usual.folder)
		if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) || set.has(usual.component) {
			continue
		}
		set.Folders = append(set.Folders, folder)
		problems = append(problems, set.readFolder(folder, names))
	}
	if err := errors.Join(append(problems, set.checkTopics())...); err != nil {
		return nil, err
	}
	return set, nil
}

// Profiles lists the profiles there are, sorted.
func Profiles(components string) []string {
	configs, _ := filepath.Glob(filepath.Join(components, "*", configFile))
	profiles := make([]string, 0, len(configs))
	for _, config := range configs {
		profiles = append(profiles, filepath.Base(filepath.Dir(config)))
	}
	return profiles
}

func (s *Set) has(component string) bool {
	return slices.ContainsFunc(s.Components, func(c Component) bool { return c.Name() == component })
}

// RefersTo reports whether a component takes a setting from this environment variable.
func (s *Set) RefersTo(variable string) bool {
	return slices.ContainsFunc(s.Components, func(c Component) bool {
		return slices.ContainsFunc(c.Spec.Metadata, func(p Property) bool { return p.EnvRef == variable })
	})
}

// RefersToSecret reports whether a component takes a setting from this secret.
func (s *Set) RefersToSecret(name string) bool {
	return slices.ContainsFunc(s.Components, func(c Component) bool {
		return slices.ContainsFunc(c.Spec.Metadata, func(p Property) bool { return p.SecretKeyRef.Name == name })
	})
}

func (s *Set) readFolder(folder string, names map[string]string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("reading component folder: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		if extension := filepath.Ext(entry.Name()); entry.IsDir() || extension != ".yaml" && extension != ".yml" {
			continue
		}
		problems = append(problems, s.readFile(filepath.Join(folder, entry.Name()), names))
	}
	return errors.Join(problems...)
}

func (s *Set) readFile(path string, names map[string]string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading component file: %w", err)
	}
	documents, err := document.Parse(path, data)
	if err != nil {
		return err
	}
	if len(documents) == 0 {
		return fmt.Errorf("%s: nothing is in it: sidecars would pass over it without a word; fill it or remove it", path)
	}
	var problems []error
	for _, doc := range documents {
		if err := s.add(doc, names); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// add checks one document and keeps it. Names remembers where each kind and name stands.
func (s *Set) add(doc *document.Document, names map[string]string) error {
	var head header
	if err := doc.Peek(&head); err != nil {
		return err
	}
	version, known := apiVersions[head.Kind]
	switch {
	case head.Kind == "":
		return doc.Problemf(nil, "no kind: a resource begins with apiVersion and kind, for instance Component")
	case !known:
		return doc.Problemf([]any{"kind"}, "unknown kind %q: use Component, Configuration, HTTPEndpoint, Resiliency or Subscription", head.Kind)
	case head.APIVersion != version:
		return doc.Problemf([]any{"apiVersion"}, "apiVersion of a %s is %q, not %q", head.Kind, version, head.APIVersion)
	case head.Name() == "":
		return doc.Problemf([]any{"metadata"}, "%s without metadata.name: give it one", head.Kind)
	}
	key := head.Kind + " " + head.Name()
	if other, taken := names[key]; taken {
		return doc.Problemf([]any{"metadata", "name"}, "there is a %s %q already, in %s: sidecars refuse a name used twice", head.Kind, head.Name(), other)
	}
	names[key] = doc.File()

	switch head.Kind {
	case "Component":
		return s.addComponent(doc)
	case "Subscription":
		return s.addSubscription(doc)
	case "Resiliency":
		s.Resiliency = doc.File()
		return addResiliency(doc)
	case "Configuration":
		var config configuration
		if err := doc.Decode(&config); err != nil {
			return err
		}
		if name := config.Spec.NameResolution.Component; name != "" {
			s.uses = append(s.uses, Use{Type: "nameresolution." + name, File: doc.File()})
		}
		return nil
	default:
		return nil
	}
}

func (s *Set) addComponent(doc *document.Document) error {
	component := Component{File: doc.File()}
	if err := doc.Decode(&component); err != nil {
		return err
	}
	switch {
	case component.Spec.Type == "":
		return doc.Problemf([]any{"spec"}, "component %q has no spec.type: for instance state.sqlite", component.Name())
	case component.Spec.Version == "":
		return doc.Problemf([]any{"spec"}, "component %q has no spec.version: usually v1", component.Name())
	}
	for i, property := range component.Spec.Metadata {
		if property.Name == "" {
			return doc.Problemf([]any{"spec", "metadata", i}, "component %q: a setting without a name", component.Name())
		}
		if property.Value == nil && property.EnvRef == "" && property.SecretKeyRef.Name == "" {
			return doc.Problemf([]any{"spec", "metadata", i}, "component %q: setting %q has neither value, envRef nor secretKeyRef",
				component.Name(), property.Name)
		}
	}
	s.Components = append(s.Components, component)
	s.uses = append(s.uses, Use{Type: component.Spec.Type, File: component.File})
	return nil
}

func addResiliency(doc *document.Document) error {
	var r resiliency
	if err := doc.Decode(&r); err != nil {
		return err
	}
	var problems []error
	r.eachTarget(func(where []any, p policies) {
		problems = append(problems,
			missing(doc, where, "timeout", p.Timeout, r.Spec.Policies.Timeouts),
			missing(doc, where, "retry", p.Retry, r.Spec.Policies.Retries),
			missing(doc, where, "circuitBreaker", p.CircuitBreaker, r.Spec.Policies.CircuitBreakers))
	})
	return errors.Join(problems...)
}

// missing says that a target names a policy that is not there: sidecars would go without.
func missing[P any](doc *document.Document, where []any, kind, name string, policies map[string]P) error {
	if _, there := policies[name]; there || name == "" {
		return nil
	}
	return doc.Problemf(append(where, kind), "there is no %s policy %q under spec.policies", kind, name)
}

func (s *Set) addSubscription(doc *document.Document) error {
	var subscription Subscription
	if err := doc.Decode(&subscription); err != nil {
		return err
	}
	switch spec := subscription.Spec; {
	case spec.PubsubName == "":
		return doc.Problemf([]any{"spec"}, "subscription %q has no spec.pubsubname", subscription.Name())
	case spec.Topic == "":
		return doc.Problemf([]any{"spec"}, "subscription %q has no spec.topic", subscription.Name())
	case spec.Routes.Default == "" && len(spec.Routes.Rules) == 0:
		return doc.Problemf([]any{"spec"}, "subscription %q has no spec.routes: nothing would be delivered", subscription.Name())
	}
	subscription.doc = doc
	s.Subscriptions = append(s.Subscriptions, subscription)
	return nil
}
