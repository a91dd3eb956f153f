package command

import (
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
)

const (
	exampleConsignment = "01234567-89ab-7cde-8f01-23456789abcd"
	exampleCustomer    = "01234567-89ab-7cde-8f01-23456789abce"
	exampleLot         = "01234567-89ab-7cde-8f01-23456789abcf"
	exampleVessel      = "vessel001"
)

var exampleTime = timestamppb.New(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))

// examples has a payload with every field for each topic of these contracts. Which topics there are is for Seaport to
// say.
var examples = map[string]proto.Message{
	"consignment.booked": &eventv1.ConsignmentBooked{
		ConsignmentId: exampleConsignment, CustomerId: exampleCustomer, VesselId: exampleVessel,
		Description: "Spare parts", Weight: 550, Pickups: examplePickups(), BookTime: exampleTime,
	},
	"consignment.cancelled": &eventv1.ConsignmentCancelled{
		ConsignmentId: exampleConsignment, CustomerId: exampleCustomer, VesselId: exampleVessel,
		Description: "Spare parts", Weight: 550, Pickups: examplePickups(), Reason: "ordered twice", CancelTime: exampleTime, LotId: exampleLot,
	},
	"consignment.status": &eventv1.ConsignmentStatusChanged{
		ConsignmentId: exampleConsignment, CustomerId: exampleCustomer, VesselId: exampleVessel,
		Description: "Spare parts", Status: "in transit", Reason: "left a day early", ChangeTime: exampleTime,
	},
	"lot.booked": &eventv1.LotBooked{
		LotId: exampleLot, VesselId: exampleVessel, Containers: 2, Weight: 550, Pickups: examplePickups(),
		ConsignmentIds: []string{exampleConsignment}, BookTime: exampleTime,
	},
	"user.created": &eventv1.UserCreated{
		UserId: exampleCustomer, Name: "A customer", Company: "Example Freight", Email: "customer@seaport.example", CreateTime: exampleTime,
	},
}

func examplePickups() []*eventv1.Pickup {
	return []*eventv1.Pickup{{Origin: "Derby, United Kingdom", Containers: 2}}
}

func topicNames() []string { return slices.Sorted(maps.Keys(examples)) }

// writeExample prints a payload for the topic.
func writeExample(w io.Writer, topic string) error {
	payload, ok := examples[topic]
	if !ok {
		return badInput("TOPIC: there is no example for %q; there are %s", topic, strings.Join(topicNames(), ", "))
	}
	return writeMessage(w, payload)
}

func completeTopics(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return topicNames(), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
