// Command weishao-gateway is the edge: it reads sensors and carries their readings
// to the hub; see `weishao-gateway --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"weishao.dev/weishao/app/edge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := edge.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
