package app

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Each file of testdata/script is a conversation with the commands: what is typed,
// what is printed, and the exit code.
//
//	weishao ARGS...   runs a command, in this process and in the script's folder
//	code N            the exit code of the last one
func TestScripts(t *testing.T) {
	last := 0
	testscript.RunT(inTurn{t}, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"weishao": func(ts *testscript.TestScript, neg bool, args []string) {
				last = runIn(ts, args)
				if neg == (last == 0) {
					ts.Fatalf("exit code %d", last)
				}
			},
			"code": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) != 1 || args[0] != strconv.Itoa(last) {
					ts.Fatalf("exit code %d, want %v", last, args)
				}
			},
		},
	})
}

// runIn runs a command in the script's folder. Scripts run in turn, so that the
// folder is everybody's.
func runIn(ts *testscript.TestScript, args []string) int {
	back, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer func() { ts.Check(os.Chdir(back)) }()
	return Main(context.Background(), args, ts.Stdout(), ts.Stderr())
}

// inTurn runs scripts one after another.
type inTurn struct{ *testing.T }

func (t inTurn) Parallel()     {}
func (t inTurn) Verbose() bool { return testing.Verbose() }
func (t inTurn) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(inTurn{t}) })
}
