package edge

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weishao.dev/weishao/gateway/outbox"
)

// With no network, and with an outbox whose disk is full, fails or hangs, gas closes
// the valve and sounds the siren: nothing on the way from the sample to the line
// passes a disk.
func TestActsWithoutNetworkAndDisk(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		hang bool
	}{"well": {}, "full": {err: syscall.ENOSPC}, "failing": {err: syscall.EIO}, "read-only": {err: syscall.EROFS}, "hanging": {hang: true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			disk := &badDisk{FS: outbox.OS{}}
			r := runGateway(t, write(t, dir, "gateway.yaml", house), disk)
			r.board.want(t, 2, true) // at rest a siren that sounds at 0 V is high
			r.nose.smells(0.5)
			var hang chan struct{}
			if c.hang {
				hang = make(chan struct{})
				defer close(hang)
			}
			if c.err != nil { // and the latches' file with it
				if err := os.WriteFile(filepath.Join(dir, "state"), nil, 0o600); err != nil && !errors.Is(err, syscall.EISDIR) {
					t.Fatal(err)
				}
			}
			disk.turn(c.err, hang)
			for range 20 { // what was sampled waits for the disk
				r.nose.smells(0.5)
			}
			for range 3 { // the shipped rule holds for two seconds
				r.nose.smells(30)
			}
			waitFor(t, "valve and siren", func() bool { return r.board.level(1) && !r.board.level(2) })
			if c.hang {
				return
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The commands, over the socket of a gateway that runs by one rule: with the shipped
// ones another may be raised while the commands are given.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", `rules:
  - {name: gas-leak, hazard: gas_leak, severity: critical, when: gas.ch4 > 10 %LEL, clear: gas.ch4 < 5 %LEL, edge: [close gas_valve, sound siren], message: {zh: x, en: x}}
`)
	file := write(t, dir, "gateway.yaml", house+"rules: [rules.yaml]\n")
	for want, args := range map[string][]string{
		"--config is needed":              {"reset", "valve"},
		"one actuator's name is needed":   {"reset", "--config", file},
		`"valve" is not expected`:         {"actuators", "valve", "--config", file},
		"flag provided but not defined":   {"silence", "horn", "--force", "--config", file},
		"no gateway runs with":            {"reset", "valve", "--config", file},
		"open nowhere.yaml: no such file": {"trip", "valve", "--config", "nowhere.yaml"},
	} {
		if code, out, errs := call(t, args...); code == 0 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, printed %q and %q, want %s", args, code, out, errs, want)
		}
	}
	r := runGateway(t, file, nil)
	r.board.want(t, 2, true)
	socket := filepath.Join(dir, "state", "control.sock")
	waitFor(t, "socket for the owner alone", func() bool {
		info, err := os.Stat(socket)
		return err == nil && info.Mode().Perm() == 0o600
	})
	r.nose.smells(30)
	r.board.want(t, 1, true)
	ask := func(wantCode int, want string, args ...string) {
		t.Helper()
		code, out, errs := call(t, append(args, "--config", file)...)
		if code != wantCode || !strings.Contains(out+errs, want) {
			t.Errorf("%v: exit code %d, printed %q and %q, want %d and %s", args, code, out, errs, wantCode, want)
		}
	}
	ask(0, "    gas-leak at g/n/kitchen, ", "actuators")
	ask(1, "the danger is not over: gas-leak still holds at g/n/kitchen", "reset", "valve")
	ask(1, "is a gas_valve and cannot be silenced", "silence", "valve")
	ask(1, `there is no actuator "hron" (there are valve, horn), did you mean "horn"?`, "silence", "hron")
	waitFor(t, "siren", func() bool { return !r.board.level(2) })
	ask(0, ", silenced", "silence", "horn")
	waitFor(t, "silence", func() bool { return r.board.level(2) })
	if !r.board.level(1) {
		t.Error("the valve has opened because the siren was silenced")
	}
	ask(0, "gas_valve", "reset", "valve", "--force")
	r.board.want(t, 1, false)
	ask(0, "by hand", "trip", "valve")
	r.board.want(t, 1, true)
	ask(0, "valve", "reset", "valve") // it was a hand
	r.board.want(t, 1, false)
}

// A restart keeps what is latched, though a kill leaves no time to say so.
func TestLatchOutlivesTheGateway(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "gateway.yaml", house)
	r := runGateway(t, file, nil)
	for range 5 {
		r.nose.smells(30)
	}
	r.board.want(t, 1, true)
	waitFor(t, "the latch on disk", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "state", "valve.json"))
		return err == nil && strings.Contains(string(b), `"rule":"gas-leak"`)
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	again := runGateway(t, file, nil)
	again.board.want(t, 1, true)
	// The button is refused until clean air has been measured. A busy machine may miss a
	// press; people press again.
	pressUntil := func(what string, done func() bool) {
		pressed := false
		waitFor(t, what, func() bool {
			pressed = !pressed
			again.board.set(3, !pressed)
			<-time.After(200 * time.Millisecond) // as a finger
			return done()
		})
		again.board.set(3, true)
	}
	pressUntil("refusal", func() bool { return again.log.has("somebody pressed reset, and it was refused") })
	again.nose.smells(0.4)
	pressUntil("reset", func() bool { return !again.board.level(1) })
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !f(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("no %s", what)
		}
	}
}

// What an actuator cannot see of itself is found before the gateway runs.
func TestActuatorMistakes(t *testing.T) {
	const head = `group: g
node: n
devices:
  - {id: k1, kind: simulated, placement: kitchen_gas, simulate: {gas: {}}}
actuators:
`
	for text, want := range map[string]string{
		"  - {id: k1, kind: siren, output: {gpio: {line: 1}}}":                             `gateway.yaml:6:10: "k1" is given twice (first in line 4)`,
		"  - {id: v, kind: gas_valve, devices: [k2], output: {gpio: {line: 1}}}":           `gateway.yaml:6:40: there is no device "k2", did you mean "k1"?`,
		"  - {id: v, kind: gas_valve, placements: [kitchen], output: {gpio: {line: 1}}}":   `gateway.yaml:6:43: no device has the placement "kitchen"`,
		"  - {id: v, kind: gas_valve, target: gas_vlave, output: {gpio: {line: 1}}}":       `gateway.yaml:6:38: no rule asks a gas_valve called "gas_vlave" to do anything`,
		"  - {id: v, kind: gas_valve, target: siren, output: {gpio: {line: 1}}}":           `no rule asks a gas_valve called "siren" to do anything`,
		"  - {id: v, kind: gas_valve, output: {modbus: {port: /dev/ttyUSB0, slave: 1}}}":   `gateway.yaml:6:47: coil is missing`,
		"  - {id: v, kind: gas_valve, output: {mqtt: {}}}":                                 `gateway.yaml:6:45: topic is missing`,
		"  - {id: v, kind: gas_valve, output: {mqtt: {topic: x/+}}}":                       `"x/+" is not the topic of one thing`,
		"  - {id: v, kind: gas_valve, output: {mqtt: {topic: x, broker: {url: nowhere}}}}": `"nowhere" is not a broker's URL`,
		"  - {id: v, kind: gas_valve, output: {mqtt: {topic: x, act: \"OFF\"}}}":           `act and rest are both "OFF"`,
	} {
		file := write(t, t.TempDir(), "gateway.yaml", head+text+"\n")
		if code, _, errs := call(t, "--check", "--config", file); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s\nexit code %d, got  %s\nwant %s", text, code, errs, want)
		}
	}
	file := write(t, t.TempDir(), "gateway.yaml", head+"  - {id: v, kind: gas_valve, devices: [k1], output: {gpio: {line: 1}}}\n")
	code, out, errs := call(t, "--check", "--config", file)
	for _, want := range []string{"gas_valve          for k1\n", "nothing here carries out \"sound siren\"\n", "nothing here carries out \"open relay\"\n", "no mistakes found"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, printed %s%s, want %s", code, out, errs, want)
		}
	}
}

// A placement that is misspelt is no mistake, a site may have its own; it is told of.
func TestPlacementsThatNoRuleNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.yaml", `rules:
  - {name: leak, hazard: gas_leak, severity: critical, placement: [our_cellar], when: gas.ch4 > 20 %LEL, message: {zh: x, en: x}}
`)
	code, out, errs := call(t, "--check", "--config", write(t, dir, "gateway.yaml", `group: g
node: n
rules: [rules.yaml]
devices:
  - {id: a, kind: simulated, placement: kitchn_gas, simulate: {gas: {}}}
  - {id: b, kind: simulated, placement: kitchen_gas, simulate: {gas: {}}}
  - {id: c, kind: simulated, placement: our_cellar, simulate: {gas: {}}}
  - {id: d, kind: simulated, simulate: {gas: {}}}
`))
	const want = "a: no rule names the placement \"kitchn_gas\", did you mean \"kitchen_gas\"?\n"
	if code != 0 || !strings.Contains(out, want) || strings.Count(out, "no rule names") != 1 {
		t.Errorf("exit code %d, printed %s%s, want %s", code, out, errs, want)
	}
}
