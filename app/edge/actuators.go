package edge

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/gateway/edgerules"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/unixsocket"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

// checkActuators finds what no actuator can see of itself: names that are taken,
// devices that are not there, and targets that no rule has. An actuator that waits
// for what never comes is worse than none.
func checkActuators(cfg *gateway.Config, w *edgerules.Watch) error {
	var errs conf.Errors
	ids, placements := names(cfg)
	seen := map[string]conf.Pos{}
	for _, d := range cfg.Devices {
		seen[d.ID.V] = d.ID.Pos
	}
	for _, a := range w.Actuators() {
		c := a.Config()
		if first, dup := seen[a.ID()]; dup {
			errs.Add(c.ID.Pos, "%q is given twice (first in line %d): a device and an actuator cannot share a name", a.ID(), first.Line)
		}
		seen[a.ID()] = c.ID.Pos
		oneOf(&errs, c.Devices, ids, "there is no device %q%s")
		oneOf(&errs, c.Placements, placements, "no device has the placement %q%s")
		checkTarget(&errs, a, w.Actions())
	}
	return errs.Err()
}

// names are the devices of a configuration and their placements; placements is empty
// if one has none, since the engine makes one up.
func names(cfg *gateway.Config) (ids, placements []string) {
	for _, d := range cfg.Devices {
		ids = append(ids, d.ID.V)
		placements = append(placements, d.Placement)
	}
	if slices.Contains(placements, "") {
		placements = nil
	}
	return ids, placements
}

func oneOf(errs *conf.Errors, list []conf.At[string], known []string, text string) {
	for _, v := range list {
		if len(known) > 0 && !slices.Contains(known, v.V) {
			errs.Add(v.Pos, text, v.V, telemetry.Suggest(v.V, known))
		}
	}
}

func checkTarget(errs *conf.Errors, a *actuator.Actuator, actions []rules.Action) {
	var all, targets []string
	for _, action := range actions {
		if a.Does(action.Verb, action.Target) {
			return
		}
		all = append(all, action.Verb+" "+action.Target)
		targets = append(targets, action.Target)
	}
	c := a.Config()
	at := c.Target.Pos
	if at.Line == 0 {
		at = c.Kind.Pos
	}
	errs.Add(at, "no rule asks a %s called %q to do anything (they ask: %s)%s", a.Kind(), a.Target(), cmp.Or(strings.Join(all, ", "), "nothing"), telemetry.Suggest(a.Target(), targets))
}

// describeActuators prints what each is for, and what nobody does.
func describeActuators(out io.Writer, w *edgerules.Watch) {
	for _, a := range w.Actuators() {
		c := a.Config()
		whose := "all devices"
		if len(c.Devices)+len(c.Placements) > 0 {
			var list []string
			for _, v := range append(slices.Clone(c.Devices), c.Placements...) {
				list = append(list, v.V)
			}
			whose = strings.Join(list, ", ")
		}
		fmt.Fprintf(out, "%-24s %-18s for %s\n", a.ID(), a.Kind(), whose)
	}
	for _, action := range w.Actions() {
		if !slices.ContainsFunc(w.Actuators(), func(a *actuator.Actuator) bool { return a.Does(action.Verb, action.Target) }) {
			fmt.Fprintf(out, "nothing here carries out %q\n", action.Verb+" "+action.Target)
		}
	}
}

// describePlacements prints the devices with a placement that neither rules nor the
// shipped list names: at one that is misspelt hardly anything watches.
func describePlacements(out io.Writer, list []gateway.Device, w *edgerules.Watch) {
	known := append(w.Placements(), site.Placements...)
	for _, d := range list {
		if d.Placement != "" && !slices.Contains(known, d.Placement) {
			fmt.Fprintf(out, "%s: no rule names the placement %q%s\n", d.ID.V, d.Placement, telemetry.Suggest(d.Placement, known))
		}
	}
}

// request is what people on this machine ask of an actuator.
type request struct {
	Actuator string `json:"actuator"`
	Do       string `json:"do"` // reset, silence, trip
	Force    bool   `json:"force,omitempty"`
}

// obey does what people ask. Whoever may open the socket may ask.
func obey(w *edgerules.Watch) func(context.Context, request) (actuator.Status, error) {
	return func(_ context.Context, r request) (actuator.Status, error) {
		a, err := w.Actuator(r.Actuator)
		if err != nil {
			return actuator.Status{}, err
		}
		switch r.Do {
		case "reset":
			err = w.Reset(r.Actuator, r.Force)
		case "silence":
			err = a.Silence()
		case "trip":
			a.Trip(actuator.Cause{At: time.Now().UnixMilli()})
		default:
			err = fmt.Errorf("%q is nothing that can be asked of an actuator", r.Do)
		}
		return a.Status(), err
	}
}

func statuses(w *edgerules.Watch) func(context.Context, struct{}) ([]actuator.Status, error) {
	return func(context.Context, struct{}) ([]actuator.Status, error) {
		var list []actuator.Status
		for _, a := range w.Actuators() {
			list = append(list, a.Status())
		}
		return list, nil
	}
}

// askActuator asks the running gateway of a configuration.
func askActuator(ctx context.Context, cfg *gateway.Config, r request, out io.Writer) error {
	var s actuator.Status
	if err := unixsocket.Call(ctx, cfg.Control.V, "/actuator", r, &s); err != nil {
		return err
	}
	printActuator(out, s)
	return nil
}

func listActuators(ctx context.Context, cfg *gateway.Config, out io.Writer) error {
	var list []actuator.Status
	if err := unixsocket.Call(ctx, cfg.Control.V, "/actuators", struct{}{}, &list); err != nil {
		return err
	}
	for _, s := range list {
		printActuator(out, s)
	}
	return nil
}

func printActuator(out io.Writer, s actuator.Status) {
	state := "at rest"
	switch {
	case s.Fault != "":
		state = s.Fault + ": " + s.Problem
	case !s.Known:
		state = "not known yet"
	case s.State == 1:
		state = "acts"
	}
	fmt.Fprintf(out, "%-24s %-10s %s", s.ID, s.Kind, state)
	if s.Latch.Latched {
		fmt.Fprintf(out, ", latched since %s", time.UnixMilli(s.Latch.Since).UTC().Format(time.RFC3339))
		if s.Latch.Silenced {
			fmt.Fprint(out, ", silenced")
		}
	}
	fmt.Fprintln(out)
	for _, c := range s.Latch.Causes {
		if c.Rule == "" {
			fmt.Fprintf(out, "    by hand, or because its state was lost\n")
		} else {
			fmt.Fprintf(out, "    %s at %s, %s\n", c.Rule, c.Device, time.UnixMilli(c.At).UTC().Format(time.RFC3339))
		}
	}
}
