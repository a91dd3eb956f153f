package resource

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var sound = map[string]string{
	"topics.yaml": "# all of them\npubsub:\n  - user.created\n  - consignment.booked\nother:\n  - elsewhere\n",
	"common/subscriptions.yaml": `# comments alone are no document
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: a
scopes: [vessel]
spec:
  pubsubname: pubsub
  topic: consignment.booked
  routes:
    default: /booked
  deadLetterTopic: vessel.dead
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: b
spec:
  pubsubname: pubsub
  topic: consignment.booked
  routes:
    default: /booked
  deadLetterTopic: inventory.dead
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: c
spec:
  pubsubname: other
  topic: elsewhere
  routes:
    default: /elsewhere
`,
	"local/pubsub.yaml": `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.jetstream
  version: v1
  metadata:
    - name: natsURL
      envRef: SEAPORT_NATS_URL
`,
	"local/config.yaml": `apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: local
`,
	"local/notes.txt": "not YAML",
}

func TestLoad(t *testing.T) {
	folder := write(t, sound)
	set, err := Load(folder, "local")
	if err != nil {
		t.Fatal(err)
	}
	topics, deadLetters := set.Topics("pubsub")
	if want := []string{"consignment.booked", "user.created"}; !slices.Equal(topics, want) {
		t.Errorf("topics = %v, want %v", topics, want)
	}
	if want := []string{"inventory.dead", "vessel.dead"}; !slices.Equal(deadLetters, want) {
		t.Errorf("dead-letter topics = %v, want %v", deadLetters, want)
	}
	if !set.RefersTo("SEAPORT_NATS_URL") || set.RefersTo("OTHER") {
		t.Error("RefersTo does not tell which environment variables components use")
	}
	if want := filepath.Join(folder, "local", "config.yaml"); set.Config != want {
		t.Errorf("config = %s, want %s", set.Config, want)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name           string
		file, old, new string
		want           []string
	}{
		{"unknown key", "local/pubsub.yaml", "spec:", "spek:", []string{"pubsub.yaml:5: ", `"spek"`}},
		{"unknown nested key", "local/pubsub.yaml", "envRef:", "envref:", []string{"pubsub.yaml:10: ", `"envRef"`}},
		{"unknown kind", "local/pubsub.yaml", "kind: Component", "kind: Compnent", []string{"pubsub.yaml:2: ", "Compnent"}},
		{"no kind", "local/pubsub.yaml", "kind: Component\n", "", []string{"pubsub.yaml:1: ", "no kind"}},
		{"wrong version", "local/pubsub.yaml", "v1alpha1", "v1", []string{"pubsub.yaml:1: ", "dapr.io/v1alpha1"}},
		{"no name", "local/pubsub.yaml", "  name: pubsub\n", "  namespace: x\n", []string{"pubsub.yaml:3: ", "metadata.name"}},
		{"no type", "local/pubsub.yaml", "  type: pubsub.jetstream\n", "", []string{"pubsub.yaml:5: ", "spec.type"}},
		{"setting without value", "local/pubsub.yaml", "      envRef: SEAPORT_NATS_URL\n", "", []string{"pubsub.yaml:9: ", `"natsURL"`}},
		{"name twice", "local/config.yaml", "kind: Configuration\nmetadata:\n  name: local", "kind: Component\nmetadata:\n  name: pubsub\nspec:\n  type: x\n  version: v1",
			[]string{"pubsub.yaml:4: ", "config.yaml"}},
		{"no topic", "common/subscriptions.yaml", "  topic: consignment.booked\n", "", []string{"subscriptions.yaml:8: ", "spec.topic"}},
		{"a topic that nobody declares", "common/subscriptions.yaml", "topic: consignment.booked", "topic: consignment.boked",
			[]string{"subscriptions.yaml:10: ", `"consignment.boked"`, "topics.yaml"}},
		{"a topic of another component", "common/subscriptions.yaml", "pubsubname: other", "pubsubname: pubsub", []string{"subscriptions.yaml:32: ", `"elsewhere"`}},
		{"a topic declared twice", "topics.yaml", "user.created", "consignment.booked", []string{"topics.yaml:4: ", `"consignment.booked"`}},
		{"a topic without a name", "topics.yaml", "user.created", `""`, []string{"topics.yaml:3: "}},
		{"topics of the wrong form", "topics.yaml", "  - user.created", "  user.created: yes", []string{"topics.yaml:"}},
		{"two documents of topics", "topics.yaml", "other:", "---\nother:", []string{"topics.yaml:1: ", "2 YAML documents"}},
		{"wrong type", "local/pubsub.yaml", "  type: pubsub.jetstream", "  type: [a]", []string{"pubsub.yaml:6: "}},
		{"not YAML", "local/pubsub.yaml", "spec:", "spec: [", []string{"pubsub.yaml:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := maps.Clone(sound)
			files[test.file] = strings.Replace(files[test.file], test.old, test.new, 1)
			if files[test.file] == sound[test.file] {
				t.Fatal("the test changes nothing")
			}
			_, err := Load(write(t, files), "local")
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%s\nand does not contain %q", err, want)
				}
			}
		})
	}
}

// The shared components are there unless a profile brings its own.
func TestLoadShared(t *testing.T) {
	component := func(name, kind string) string {
		return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + name +
			"\nspec:\n  type: " + kind + "\n  version: v1\n  metadata:\n    - name: url\n      secretKeyRef:\n        name: mailer-url\n        key: mailer-url\n"
	}
	files := maps.Clone(sound)
	files["secrets/secretstore.yaml"] = component("secretstore", "secretstores.local.file")
	files["mail/mailer.yaml"] = component("mailer", "bindings.http")
	folder := write(t, files)
	set, err := Load(folder, "local")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"common", "local", "secrets", "mail"}
	for i := range want {
		want[i] = filepath.Join(folder, want[i])
	}
	if !slices.Equal(set.Folders, want) {
		t.Errorf("folders = %v, want %v", set.Folders, want)
	}
	if !set.RefersToSecret("mailer-url") || set.RefersToSecret("other") {
		t.Error("RefersToSecret does not tell which secrets components use")
	}
	files["local/mailer.yaml"] = component("mailer", "bindings.smtp")
	folder = write(t, files)
	if set, err = Load(folder, "local"); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(set.Folders, filepath.Join(folder, "mail")) || !slices.Contains(set.Folders, filepath.Join(folder, "secrets")) {
		t.Errorf("folders = %v for a profile with a mailer of its own", set.Folders)
	}
}

func TestLoadUnknownProfile(t *testing.T) {
	folder := write(t, sound)
	for _, profile := range []string{"kafka", "", "common", "../local"} {
		if _, err := Load(folder, profile); err == nil || !strings.Contains(err.Error(), "choose one of local") {
			t.Errorf("profile %q: error is %v", profile, err)
		}
	}
}

// Every profile of this repository must pass its own check.
func TestLoadOwn(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "components")
	profiles := Profiles(folder)
	if len(profiles) < 2 {
		t.Fatalf("profiles = %v", profiles)
	}
	for _, profile := range profiles {
		set, err := Load(folder, profile)
		if err != nil {
			t.Errorf("profile %s: %v", profile, err)
			continue
		}
		for _, name := range []string{"pubsub", "statestore", "secretstore", "mailer"} {
			if !slices.ContainsFunc(set.Components, func(c Component) bool { return c.Name() == name }) {
				t.Errorf("profile %s has no component %q", profile, name)
			}
		}
		heard := make(map[string]bool)
		for _, subscription := range set.Subscriptions {
			heard[subscription.Spec.Topic] = true
		}
		for _, subscription := range set.Subscriptions {
			// What is left of dead letters stays in the broker, and comes again.
			dead := strings.HasSuffix(subscription.Spec.Topic, ".dead")
			if leaves := subscription.Spec.DeadLetterTopic; leaves == "" && !dead || leaves != "" && !heard[leaves] {
				t.Errorf("subscription %s leaves what an app cannot take to %q, where nobody keeps it", subscription.Name(), leaves)
			}
		}
	}
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
