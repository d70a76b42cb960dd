// Package webtest is a made-up neighbourhood behind package web's interfaces,
// all in memory: for the tests of the pages, and to look at them without a hub.
//
// A World has three buildings, their devices, two gateways, a roster and a few
// incidents in different states. Its times are relative to the moment it was
// made. Nothing of it is for use outside tests and previews.
package webtest
