package edge

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/telemetry"
)

const enrolHelp = `Usage: weishao-gateway enrol --config FILE --from FILE|- [--url URL]

Takes what the hub's "weishao gateway-enrol" printed, from a file or pasted (-), and
stores it: the password in a file of its own that its owner alone may read (0600),
the authority's certificate beside it if there is one, and the rest in the
configuration. A configuration that is there keeps its other keys and its comments;
where there is none a first one is written, with which the gateway reports itself.

Taken again, with what the hub printed anew, it rotates the password. A gateway that
runs takes it with its next start.

Flags:
`

// credentials are what the hub's gateway-enrol prints, or its QR code says.
type credentials struct {
	Group    string `json:"group"`
	Node     string `json:"node"`
	Username string `json:"username"`
	Password string `json:"password"`
	MQTT     string `json:"mqtt"`
	CA       string `json:"ca"`
}

// enrol is the command of that name.
func enrol(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("weishao-gateway enrol", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	config := flags.String("config", "", "the gateway's configuration `FILE`, which is made if it is not there")
	from := flags.String("from", "", "a `FILE` with what the hub printed, or - to paste it")
	broker := flags.String("url", "", "the broker's `URL` as this gateway reaches it, in the place of the hub's word")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, enrolHelp)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("%q is not expected", flags.Arg(0))
	case err == nil && (*config == "" || *from == ""):
		err = errors.New("--config and --from are needed")
	}
	if err != nil {
		fmt.Fprintf(stderr, "weishao-gateway enrol: %v, see --help\n", err)
		return 2
	}
	c, err := readCredentials(*from, stdin, stderr)
	if err == nil {
		if *broker != "" {
			c.MQTT = *broker
		}
		err = c.store(*config, stdout)
	}
	return exit(err, stderr)
}

// readCredentials takes one JSON object; of what is pasted nothing behind it, so
// that nobody has to know how to end an input.
func readCredentials(from string, stdin io.Reader, stderr io.Writer) (credentials, error) {
	in := stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return credentials{}, err
		}
		defer f.Close()
		in = f
	} else {
		fmt.Fprintln(stderr, "paste what `weishao gateway-enrol` printed, or what its QR code says:")
	}
	var c credentials
	if err := json.NewDecoder(io.LimitReader(in, 1<<16)).Decode(&c); err != nil {
		return c, fmt.Errorf("this is not what `weishao gateway-enrol` prints: %w", err)
	}
	return c, c.check()
}

func (c *credentials) check() error {
	switch {
	case !telemetry.ValidName(c.Group) || !telemetry.ValidName(c.Node):
		return fmt.Errorf("%q is not a group and node of a gateway", c.Group+"/"+c.Node)
	case c.Password == "" || strings.ContainsAny(c.Password, " \t\r\n"):
		return errors.New("there is no password in it")
	}
	if c.Username == telemetry.NodeID(c.Group, c.Node) {
		c.Username = "" // the default
	}
	return nil
}

const (
	passwordFile = "password"
	caFile       = "hub-ca.pem"
)

// store writes everything, the configuration last: until it is there, a gateway
// starts as before.
func (c *credentials) store(config string, stdout io.Writer) error {
	if u, err := url.Parse(c.MQTT); c.MQTT != "" && (err != nil || u.Host == "") {
		return fmt.Errorf("%q is not a broker's URL: write --url tcp://host:1883 or ssl://host:8883", c.MQTT)
	}
	if strings.HasPrefix(c.MQTT, "tcp:") || strings.HasPrefix(c.MQTT, "ws:") {
		c.CA = "" // nothing is encrypted
	}
	dir := filepath.Dir(config)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	text, err := os.ReadFile(config)
	made := errors.Is(err, os.ErrNotExist)
	if err != nil && !made {
		return err
	}
	next, password := c.starter(config), filepath.Join(dir, passwordFile)
	if !made {
		if next, password, err = c.edit(config, text); err != nil {
			return err
		}
	}
	if err := keep(dir, password, []byte(c.Password+"\n"), 0o600); err != nil {
		return err
	}
	if c.CA != "" {
		if err := keep(dir, filepath.Join(dir, caFile), []byte(c.CA), 0o644); err != nil {
			return err
		}
	}
	if next != string(text) {
		mode := os.FileMode(0o640)
		if info, err := os.Stat(config); err == nil {
			mode = info.Mode().Perm()
		}
		if err := keep(dir, config, []byte(next), mode); err != nil {
			return err
		}
	}
	fmt.Fprintf(stdout, "%s is enrolled: the password is in %s, which its owner alone may read\n", telemetry.NodeID(c.Group, c.Node), password)
	if made {
		fmt.Fprintf(stdout, "%s is new: with it the gateway reports itself; add the sensors under devices\n", config)
	}
	return Check(config, stdout)
}

// keep writes a file for whoever owns the folder: enrolling is root's work, the
// gateway's own user reads it.
func keep(dir, path string, data []byte, mode os.FileMode) error {
	if err := durable.WriteFile(path, data, mode); err != nil {
		return err
	}
	return giveAway(dir, path)
}

// starter is a first configuration. Below /etc, where nothing but configuration
// belongs and a service may not write, the readings go where services keep theirs.
func (c *credentials) starter(config string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by `weishao-gateway enrol`; docs/gateway.yaml shows every key.\ngroup: %s\nnode: %s\n\nmqtt:\n", c.Group, c.Node)
	if c.MQTT != "" {
		fmt.Fprintf(&b, "  url: %s\n", c.MQTT)
	}
	if c.Username != "" {
		fmt.Fprintf(&b, "  username: %q\n", c.Username)
	}
	fmt.Fprintf(&b, "  password_file: ./%s\n", passwordFile)
	if c.CA != "" {
		fmt.Fprintf(&b, "  ca: ./%s\n", caFile)
	}
	if abs, err := filepath.Abs(config); err == nil && strings.HasPrefix(abs, "/etc/") {
		fmt.Fprintf(&b, "\noutbox: {dir: %s}\nstate: %s\n", stateFolder+"/outbox", stateFolder+"/state")
	}
	b.WriteString("\n# Sensors come here; `weishao-gateway --check --config FILE` says whether all is right.\ndevices: []\n")
	return b.String()
}

// stateFolder is the service's own, as its unit says.
const stateFolder = "/var/lib/weishao"

// edit puts the credentials into a configuration, and says where its password is.
func (c *credentials) edit(file string, text []byte) (next, password string, err error) {
	d, err := parseDocument(file, text)
	if err != nil {
		return "", "", err
	}
	d.set(c.Group, "group")
	d.set(c.Node, "node")
	if c.MQTT != "" {
		d.set(c.MQTT, "mqtt", "url")
	}
	if c.Username != "" || d.get("mqtt", "username") != "" {
		d.set(cmp.Or(c.Username, telemetry.NodeID(c.Group, c.Node)), "mqtt", "username")
	}
	if c.CA != "" {
		d.set("./"+caFile, "mqtt", "ca")
	}
	password = d.get("mqtt", "password_file")
	if password == "" {
		password = "./" + passwordFile
		d.set(password, "mqtt", "password_file")
	}
	if !filepath.IsAbs(password) {
		password = filepath.Join(filepath.Dir(file), password)
	}
	next, err = d.String()
	return next, password, err
}
