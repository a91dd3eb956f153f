// Command seaport books freight on Seaport from the command line, and runs Seaport on one machine.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"seaport.example/cli/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
