// Package components lists the component types that the sidecar is built with. It takes the place of the file in Dapr's
// package of the same path that is built without build tags (go build -overlay); with the tag allcomponents Dapr links
// all of its types, which takes twice as long to build and twice the memory to run.
//
// To add a type, add a line here: `seaport up` reads this list, and builds the complete sidecar only for a component
// file that asks for a type that is missing. The kind of a component is the name of the package whose registry it is in.
package components

import (
	"github.com/dapr/components-contrib/bindings/http"
	"github.com/dapr/components-contrib/bindings/smtp"
	kubernetesconfiguration "github.com/dapr/components-contrib/configuration/kubernetes"
	postgresconfiguration "github.com/dapr/components-contrib/configuration/postgres"
	redisconfiguration "github.com/dapr/components-contrib/configuration/redis"
	redislock "github.com/dapr/components-contrib/lock/redis"
	kubernetesnames "github.com/dapr/components-contrib/nameresolution/kubernetes"
	"github.com/dapr/components-contrib/nameresolution/mdns"
	"github.com/dapr/components-contrib/nameresolution/nameformat"
	sqlitenames "github.com/dapr/components-contrib/nameresolution/sqlite"
	memorypubsub "github.com/dapr/components-contrib/pubsub/in-memory"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/components-contrib/pubsub/kafka"
	mqtt "github.com/dapr/components-contrib/pubsub/mqtt3"
	"github.com/dapr/components-contrib/pubsub/rabbitmq"
	redispubsub "github.com/dapr/components-contrib/pubsub/redis"
	kubernetessecrets "github.com/dapr/components-contrib/secretstores/kubernetes"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	memorystate "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/components-contrib/state/mysql"
	postgresqlv1 "github.com/dapr/components-contrib/state/postgresql/v1"
	postgresqlv2 "github.com/dapr/components-contrib/state/postgresql/v2"
	redisstate "github.com/dapr/components-contrib/state/redis"
	sqlitestate "github.com/dapr/components-contrib/state/sqlite"

	"github.com/dapr/dapr/pkg/components"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
)

func init() {
	pubsub.DefaultRegistry.RegisterComponent(memorypubsub.New, "in-memory")
	pubsub.DefaultRegistry.RegisterComponent(jetstream.NewJetStream, "jetstream")
	pubsub.DefaultRegistry.RegisterComponent(kafka.NewKafka, "kafka")
	pubsub.DefaultRegistry.RegisterComponent(mqtt.NewMQTTPubSub, "mqtt3")
	pubsub.DefaultRegistry.RegisterComponent(rabbitmq.NewRabbitMQ, "rabbitmq")
	pubsub.DefaultRegistry.RegisterComponent(redispubsub.NewRedisStreams, "redis")

	state.DefaultRegistry.RegisterComponent(memorystate.NewInMemoryStateStore, "in-memory")
	state.DefaultRegistry.RegisterComponent(mysql.NewMySQLStateStore, "mysql")
	state.DefaultRegistry.RegisterComponentWithVersions("postgresql", components.Versioning{
		Preferred: components.VersionConstructor{Version: "v2", Constructor: postgresqlv2.NewPostgreSQLStateStore},
		Others:    []components.VersionConstructor{{Version: "v1", Constructor: postgresqlv1.NewPostgreSQLStateStore}},
		Default:   "v1",
	})
	state.DefaultRegistry.RegisterComponent(redisstate.NewRedisStateStore, "redis")
	state.DefaultRegistry.RegisterComponent(sqlitestate.NewSQLiteStateStore, "sqlite")

	bindings.DefaultRegistry.RegisterOutputBinding(http.NewHTTP, "http")
	bindings.DefaultRegistry.RegisterOutputBinding(smtp.NewSMTP, "smtp")

	secretstores.DefaultRegistry.RegisterComponent(kubernetessecrets.NewKubernetesSecretStore, "kubernetes")
	secretstores.DefaultRegistry.RegisterComponent(env.NewEnvSecretStore, "local.env")
	secretstores.DefaultRegistry.RegisterComponent(file.NewLocalSecretStore, "local.file")

	configuration.DefaultRegistry.RegisterComponent(kubernetesconfiguration.NewKubernetesConfigMapStore, "kubernetes")
	configuration.DefaultRegistry.RegisterComponent(postgresconfiguration.NewPostgresConfigurationStore, "postgresql")
	configuration.DefaultRegistry.RegisterComponent(redisconfiguration.NewRedisConfigurationStore, "redis")

	lock.DefaultRegistry.RegisterComponent(redislock.NewStandaloneRedisLock, "redis")

	nameresolution.DefaultRegistry.RegisterComponent(kubernetesnames.NewResolver, "kubernetes")
	nameresolution.DefaultRegistry.RegisterComponent(mdns.NewResolver, "mdns")
	nameresolution.DefaultRegistry.RegisterComponent(nameformat.NewResolver, "nameformat")
	nameresolution.DefaultRegistry.RegisterComponent(sqlitenames.NewResolver, "sqlite")
}
