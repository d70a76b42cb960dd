package app

import "errors"

const demoHelp = `
A neighbourhood with simulated sensors.`

func runDemo(*call) error { return errors.New("the demo is not part of this build") }
