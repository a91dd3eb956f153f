// Package access is the rules: who may call which method of which service, a table a service.
//
// "Own" lets the roles named call a method about what is theirs; whose that is, the method finds by
// [auth.Owner]. Everybody else is refused, and so is everything that is in no table.
package access

import (
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/internal/auth"
)

var (
	customers = []auth.Role{auth.Customer}
	operators = []auth.Role{auth.Operator}
	admins    = []auth.Role{auth.Admin}
	freight   = []auth.Role{auth.Customer, auth.Operator}
	everybody = []auth.Role{auth.Customer, auth.Operator, auth.Admin}
)

// Consignment is the rules of the consignment service.
var Consignment = auth.Rules{
	consignmentv1.ShippingService_CreateConsignment_FullMethodName:       {Roles: operators, Own: customers},
	consignmentv1.ShippingService_BatchCreateConsignments_FullMethodName: {Roles: operators, Own: customers, Apps: []string{"gateway"}},
	consignmentv1.ShippingService_GetConsignment_FullMethodName:          {Roles: operators, Own: customers},
	consignmentv1.ShippingService_ListConsignments_FullMethodName:        {Roles: operators, Own: customers},
	consignmentv1.ShippingService_CancelConsignment_FullMethodName:       {Roles: operators, Own: customers, Apps: []string{"vessel", "inventory"}},
	consignmentv1.ShippingService_WatchConsignments_FullMethodName:       {Roles: operators, Own: customers},
	consignmentv1.ShippingService_ImportConsignments_FullMethodName:      {Roles: operators, Own: customers},
}

// Vessel is the rules of the vessel service.
var Vessel = auth.Rules{
	vesselv1.VesselService_CreateVessel_FullMethodName:    {Roles: operators},
	vesselv1.VesselService_GetVessel_FullMethodName:       {Roles: freight},
	vesselv1.VesselService_ListVessels_FullMethodName:     {Roles: freight},
	vesselv1.VesselService_FindAvailable_FullMethodName:   {Roles: freight},
	vesselv1.VesselService_HoldCapacity_FullMethodName:    {Apps: []string{"consignment"}},
	vesselv1.VesselService_ReleaseCapacity_FullMethodName: {Apps: []string{"consignment"}},
}

// Inventory is the rules of the inventory service.
var Inventory = auth.Rules{
	inventoryv1.InventoryService_StockDepot_FullMethodName:        {Roles: operators},
	inventoryv1.InventoryService_ListDepots_FullMethodName:        {Roles: freight},
	inventoryv1.InventoryService_HoldContainers_FullMethodName:    {Apps: []string{"consignment"}},
	inventoryv1.InventoryService_ReleaseContainers_FullMethodName: {Apps: []string{"consignment"}},
}

// User is the rules of the user service.
var User = auth.Rules{
	userv1.UserService_Create_FullMethodName:        {Anyone: true},
	userv1.UserService_Get_FullMethodName:           {Roles: admins, Own: everybody, Apps: []string{"notification"}},
	userv1.UserService_List_FullMethodName:          {Roles: admins},
	userv1.UserService_Auth_FullMethodName:          {Anyone: true},
	userv1.UserService_ValidateToken_FullMethodName: {Anyone: true},
	userv1.UserService_RefreshToken_FullMethodName:  {Anyone: true},
	userv1.UserService_RevokeTokens_FullMethodName:  {Roles: admins, Anyone: true}, // a refresh token is enough for its own log-in
	userv1.UserService_SetRoles_FullMethodName:      {Roles: admins},
}

// Notification is the rules of the notification service.
var Notification = auth.Rules{
	notificationv1.NotificationService_SendEmail_FullMethodName:  {Apps: []string{"consignment", "vessel", "inventory", "user"}},
	notificationv1.NotificationService_ListEmails_FullMethodName: {Roles: admins},
}

// Every is what every service has: its operation, its health, its description.
var Every = auth.Rules{
	opsv1.OpsService_Ping_FullMethodName:     {Roles: everybody},
	opsv1.OpsService_PingPong_FullMethodName: {Roles: everybody},

	opsv1.OpsService_PublishEvent_FullMethodName: {Roles: operators},

	opsv1.OpsService_ListDeadLetters_FullMethodName:    {Roles: admins},
	opsv1.OpsService_ReplayDeadLetters_FullMethodName:  {Roles: admins},
	opsv1.OpsService_DiscardDeadLetters_FullMethodName: {Roles: admins},

	grpc_health_v1.Health_Check_FullMethodName: {Anyone: true},
	grpc_health_v1.Health_List_FullMethodName:  {Anyone: true},
	grpc_health_v1.Health_Watch_FullMethodName: {Anyone: true},

	reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      {Anyone: true},
	reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: {Anyone: true},
}

// Public is the rules of the gateway: those of every service, since it passes on what they offer.
var Public = []auth.Rules{Consignment, Vessel, Inventory, User, Notification, Every}
