package sidecar

import (
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Dapr reports every failure of a broker or a store as INTERNAL. Only the text that the component passes on
// tells a refusal from a failure that a later try may overcome. The texts are in lower case.
var (
	tooLarge = []string{
		"maximum payload exceeded",        // NATS, of a connection
		"message size exceeds maximum",    // JetStream, of a stream
		"message larger than max",         // gRPC, between this process and its sidecar
		"message was too large",           // Kafka, said by the broker
		"larger than configured maximum",  // Kafka, said by the client
		"invalid bulk length",             // Redis
		"larger than configured max size", // RabbitMQ
		"packet too large",                // MQTT
	}
	missingTopic = []string{
		"no response from stream", // NATS: no stream takes the subject
		"no stream matches subject",
		"unknown topic or partition", // Kafka, where topics are not made by publishing
		"no exchange",                // RabbitMQ
	}
)

// Refused reports whether err, of a publish or a write, says that the request itself was refused, so that the
// same request fails again until somebody changes the message or the configuration: it is too large, its
// topic or component does not exist, or an argument is not valid. A sidecar or a broker that does not
// answer has refused nothing.
func Refused(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.Canceled, codes.DeadlineExceeded, codes.Unavailable, codes.Aborted:
		return false
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.Unimplemented:
		return true
	}
	return TooLarge(err) || says(err, missingTopic)
}

// MissingTopic reports whether err says that the broker does not know the topic, which it may learn of.
func MissingTopic(err error) bool { return err != nil && says(err, missingTopic) }

// TooLarge reports whether err says that a message is larger than something on its way takes.
func TooLarge(err error) bool { return err != nil && says(err, tooLarge) }

func says(err error, texts []string) bool {
	text := strings.ToLower(err.Error())
	return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(text, t) })
}

// NotSent reports whether err says that a call never left this process, because there was no connection to the
// sidecar.
func NotSent(err error) bool {
	return status.Code(err) == codes.Unavailable && says(err, []string{"error while dialing"})
}
