package app

import "errors"

const benchHelp = `
Measures a hub under real MQTT traffic.`

func runBench(*call) error { return errors.New("the bench is not part of this build") }
