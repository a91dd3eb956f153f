package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"seaport.example/cli/internal/runner/resource"
)

const (
	brokerConfigFile = "nats.conf"
	jetstreamType    = "pubsub.jetstream"
)

// writeBrokerConfig writes what the broker's command line cannot say.
func writeBrokerConfig(data string) error {
	text := fmt.Sprintf(`# Written by seaport up at every start.
server_name: seaport
max_payload: 8MB
jetstream {
  store_dir: %q
  # A killed broker loses nothing; after a power cut at most this much is missing. The default is two minutes.
  sync_interval: "1s"
}
`, filepath.Join(data, "nats"))
	if err := os.WriteFile(filepath.Join(data, brokerConfigFile), []byte(text), 0o644); err != nil {
		return fmt.Errorf("configuring the broker: %w", err)
	}
	return nil
}

// What streams keep. An event is needed until its consumers have handled it; the rest is for
// consumers that come later and for people who look back.
const (
	eventAge      = 7 * 24 * time.Hour
	deadLetterAge = 90 * 24 * time.Hour
	streamBytes   = 1 << 30
	// Within this long the broker drops an event it has already by its id.
	duplicateWindow = 2 * time.Minute
)

// streamsOf derives the streams that the subscriptions need: the JetStream component does not make them,
// and publishing to a topic without one fails.
func streamsOf(set *resource.Set) []jetstream.StreamConfig {
	var streams []jetstream.StreamConfig
	for _, component := range set.Components {
		if component.Spec.Type != jetstreamType {
			continue
		}
		topics, deadLetters := set.Topics(component.Name())
		for _, topic := range topics {
			streams = append(streams, stream(topic, eventAge))
		}
		for _, topic := range deadLetters {
			streams = append(streams, stream(topic, deadLetterAge))
		}
	}
	return streams
}

func stream(topic string, age time.Duration) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		// A stream's name must not contain what separates the parts of a subject.
		Name:        strings.NewReplacer(".", "-", " ", "-", "*", "-", ">", "-").Replace(topic),
		Description: "Events of topic " + topic,
		Subjects:    []string{topic},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      age,
		MaxBytes:    streamBytes,
		Duplicates:  duplicateWindow,
	}
}

// brokerLink is the runner's own connection to the bundled broker.
type brokerLink struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	streams []jetstream.StreamConfig
}

// linkBroker waits for the broker and makes the streams that are missing, now and whenever the broker comes back.
func linkBroker(ctx context.Context, url string, streams []jetstream.StreamConfig, complain func(error)) (*brokerLink, error) {
	link := &brokerLink{streams: streams}
	conn, err := nats.Connect(url,
		nats.Name("seaport up"),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(200*time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) {
			go func() {
				if err := link.ensureStreams(ctx); err != nil && ctx.Err() == nil {
					complain(err)
				}
			}()
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the broker: %w", err)
	}
	link.conn = conn
	if link.js, err = jetstream.New(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connecting to the broker: %w", err)
	}
	if err := link.ensureStreams(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return link, nil
}

// ensureStreams makes the streams that are missing. It tries until ctx ends: a broker that has just started reads
// its files first. A stream that has the topic already is left as it is, limits and all.
func (l *brokerLink) ensureStreams(ctx context.Context) error {
	for _, config := range l.streams {
		for {
			err := l.ensureStream(ctx, config)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("making stream %s: %w", config.Name, err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

func (l *brokerLink) ensureStream(ctx context.Context, config jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := l.js.StreamNameBySubject(ctx, config.Subjects[0])
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	_, err = l.js.CreateStream(ctx, config)
	return err
}

func (l *brokerLink) close() {
	if l != nil {
		l.conn.Close()
	}
}
