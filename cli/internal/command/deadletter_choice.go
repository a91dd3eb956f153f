package command

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// mostLetters is how many dead letters one call may be about.
const mostLetters = 100

// choice is which dead letters a command is about: those named, or all.
type choice struct {
	app string
	ids []string
	all bool
}

// read takes the choice from the arguments, each id once.
func (c *choice) read(cmd *cobra.Command, args []string) error {
	if err := named(cmd, args); err != nil {
		return err
	}
	c.app, c.ids = args[0], nil
	for _, id := range args[1:] {
		if !slices.Contains(c.ids, id) {
			c.ids = append(c.ids, id)
		}
	}
	switch {
	case c.all && len(c.ids) > 0:
		return badUsage(cmd, errors.New("--all: leaves no ID to name"))
	case !c.all && len(c.ids) == 0:
		return badUsage(cmd, errors.New("argument ID: name one or more, or --all"))
	}
	return nil
}

// each calls handle with the ids of the choice, as many at a time as a call takes, and with each id
// once. All of them are those that are there when none is left that was not handled: some come, or
// come back, meanwhile.
func (c *choice) each(ctx context.Context, client opsv1.OpsServiceClient, handle func(ids []string) error) error {
	if !c.all {
		for ids := range slices.Chunk(c.ids, mostLetters) {
			if err := handle(ids); err != nil {
				return err
			}
		}
		return nil
	}
	tried := make(map[string]bool)
	for before := -1; before < len(tried); {
		before = len(tried)
		if err := c.eachUntried(ctx, client, tried, handle); err != nil {
			return err
		}
	}
	return nil
}

// eachUntried goes through the pages once, the newest first.
func (c *choice) eachUntried(ctx context.Context, client opsv1.OpsServiceClient, tried map[string]bool, handle func(ids []string) error) error {
	pages := paging{size: mostLetters, all: true}
	_, err := pages.walk(func(size int32, token string) (string, error) {
		resp, err := client.ListDeadLetters(ctx, &opsv1.ListDeadLettersRequest{AppId: c.app, PageSize: size, PageToken: token})
		if err != nil {
			return "", err
		}
		var ids []string
		for _, letter := range resp.GetDeadLetters() {
			if id := letter.GetId(); !tried[id] {
				tried[id] = true
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 {
			err = handle(ids)
		}
		return resp.GetNextPageToken(), err
	})
	return err
}
