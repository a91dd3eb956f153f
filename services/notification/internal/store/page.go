package store

import (
	"context"
	"slices"

	"seaport.example/services/notification/internal/notification"
)

const (
	// maxPage is how much text a page holds at most, in bytes, if it is of more than one e-mail: clients take messages
	// of 4 MB.
	maxPage = 2 << 20
	// readTogether is how many e-mails are read in one call: so many of the largest still fit.
	readTogether = 16
)

// Page lists e-mails, the newest first: fewer than asked for when they are long.
func (s *Store) Page(ctx context.Context, size int32, token string) (page []notification.Email, next string, err error) {
	known := make(map[string]notification.Email)
	for {
		ids, next, err := s.list.Page(ctx, everybody, size, token)
		if err != nil {
			return nil, "", err
		}
		fitting, err := s.fit(ctx, ids, known)
		if err != nil {
			return nil, "", err
		}
		if fitting < len(ids) {
			size = int32(fitting) //nolint:gosec // at most 200
			continue
		}
		for _, id := range ids {
			if e, ok := known[id]; ok {
				page = append(page, e)
			}
		}
		return page, next, nil
	}
}

// fit reads e-mails as far as a page holds them, and returns how many it holds; at least one.
func (s *Store) fit(ctx context.Context, ids []string, known map[string]notification.Email) (int, error) {
	bytes, fitting := 0, 0
	for some := range slices.Chunk(ids, readTogether) {
		var missing []string
		for _, id := range some {
			if _, ok := known[id]; !ok {
				missing = append(missing, id)
			}
		}
		found, err := s.docs.GetMany(ctx, missing)
		if err != nil {
			return 0, err
		}
		for id, e := range found {
			e.HTML = "" // is in no list
			known[id] = e
		}
		for _, id := range some {
			bytes += len(known[id].Text)
			if bytes > maxPage && fitting > 0 {
				return fitting, nil
			}
			fitting++
		}
	}
	return fitting, nil
}
