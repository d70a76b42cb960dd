package telemetry

import "strings"

// ClientID is the MQTT client ID of one of our gateways: its node ID
// "group/node" with ':' for each '.', because nats-server refuses client IDs
// with a '.'. No valid name has a ':', so no two nodes share an ID.
func ClientID(node string) string { return strings.ReplaceAll(node, ".", ":") }

// NodeOfClientID undoes ClientID.
func NodeOfClientID(id string) string { return strings.ReplaceAll(id, ":", ".") }
