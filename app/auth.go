package app

import (
	"context"
	"errors"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/web"
)

// auth lets people into the pages: web.Auth over the store of who may come in.
// Names are the site's where it knows the person.
type auth struct {
	store *access.Store
	view  *live.View
}

func (a auth) Session(ctx context.Context, cookie string) (web.User, error) {
	return a.answer(a.store.Session(ctx, cookie))
}

func (a auth) Token(ctx context.Context, token string) (web.User, error) {
	return a.answer(a.store.Token(ctx, token))
}

func (a auth) RedeemSignIn(ctx context.Context, code string) (string, web.User, error) {
	session, u, err := a.store.RedeemSignIn(ctx, code)
	user, err := a.answer(u, err)
	return session, user, err
}

func (a auth) SignOut(ctx context.Context, cookie string) error {
	return noAccess(a.store.SignOut(ctx, cookie))
}

func (a auth) answer(u access.User, err error) (web.User, error) {
	if err != nil {
		return web.User{}, noAccess(err)
	}
	name := site.Text{Zh: u.Name, En: u.Name}
	if p := a.view.Site().People[u.ID]; p != nil && p.Name != (site.Text{}) {
		name = p.Name
	}
	return web.User{ID: u.ID, Name: name, Role: web.Role(u.Role)}, nil
}

// noAccess tells the pages that somebody is unknown, in their own words.
func noAccess(err error) error {
	if errors.Is(err, access.ErrNoAccess) || errors.Is(err, access.ErrNoUser) {
		return web.ErrNoAccess
	}
	return err
}
