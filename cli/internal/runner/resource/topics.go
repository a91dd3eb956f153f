package resource

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"seaport.example/cli/internal/runner/document"
)

// TopicsFile declares the topics, beside the component folders: sidecars do not read it.
const TopicsFile = "topics.yaml"

// Topics lists the topics of a pub/sub component: those declared, and those where its subscriptions leave what they
// cannot take. Each list is sorted.
func (s *Set) Topics(pubsub string) (topics, deadLetters []string) {
	topics = slices.Sorted(slices.Values(s.declared[pubsub]))
	for _, subscription := range s.Subscriptions {
		dead := subscription.Spec.DeadLetterTopic
		if subscription.Spec.PubsubName == pubsub && dead != "" && !slices.Contains(topics, dead) {
			deadLetters = append(deadLetters, dead)
		}
	}
	slices.Sort(deadLetters)
	return topics, slices.Compact(deadLetters)
}

// readTopics reads which topics there are, by pub/sub component.
func (s *Set) readTopics(components string) error {
	path := filepath.Join(components, TopicsFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading which topics there are: %w", err)
	}
	documents, err := document.Parse(path, data)
	if err != nil {
		return err
	}
	if len(documents) != 1 {
		return &document.Problem{File: path, Line: 1, Text: fmt.Sprintf("holds %d YAML documents: it must be one", len(documents))}
	}
	if err := documents[0].Decode(&s.declared); err != nil {
		return err
	}
	var problems []error
	for pubsub, topics := range s.declared {
		for i, topic := range topics {
			switch {
			case topic == "":
				problems = append(problems, documents[0].Problemf([]any{pubsub, i}, "a topic without a name"))
			case slices.Contains(topics[:i], topic):
				problems = append(problems, documents[0].Problemf([]any{pubsub, i}, "topic %q is declared already", topic))
			}
		}
	}
	return errors.Join(problems...)
}

// checkTopics refuses a subscription to a topic that nobody publishes to: it would hear nothing, without a word. What
// is published to a dead-letter topic is what another subscription leaves there.
func (s *Set) checkTopics() error {
	var problems []error
	for _, subscription := range s.Subscriptions {
		pubsub, topic := subscription.Spec.PubsubName, subscription.Spec.Topic
		topics, dead := s.Topics(pubsub)
		if !slices.Contains(topics, topic) && !slices.Contains(dead, topic) {
			problems = append(problems, subscription.doc.Problemf([]any{"spec", "topic"},
				"topic %q of %q is neither declared in %s nor a dead-letter topic: correct it, or declare it there", topic, pubsub, TopicsFile))
		}
	}
	return errors.Join(problems...)
}
