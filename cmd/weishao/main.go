// Command weishao is the hub, the demo and the tools; see `weishao help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"weishao.dev/weishao/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
