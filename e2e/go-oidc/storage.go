package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Everything that the provider keeps. The storage of go-oidc holds a hundred sessions.
type storage struct {
	mutex    sync.RWMutex
	clients  map[string]goidc.Client
	sessions map[string]goidc.AuthnSession
	grants   map[string]goidc.Grant
	tokens   map[string]goidc.Token
	// auth_req_id and refresh token to the id of a session or grant.
	sessionOf, grantOf map[string]string
}

func newStorage() *storage {
	return &storage{
		clients:   map[string]goidc.Client{},
		sessions:  map[string]goidc.AuthnSession{},
		grants:    map[string]goidc.Grant{},
		tokens:    map[string]goidc.Token{},
		sessionOf: map[string]string{},
		grantOf:   map[string]string{},
	}
}

func find[V any](s *storage, values map[string]V, id string) (*V, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	value, ok := values[id]
	if !ok {
		return nil, goidc.ErrNotFound
	}
	return &value, nil
}

func save[V any](s *storage, values map[string]V, id string, value *V) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	values[id] = *value
	return nil
}

func (s *storage) indexed(index map[string]string, name string) string {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	return index[name]
}

func (s *storage) SaveClient(_ context.Context, client *goidc.Client) error {
	return save(s, s.clients, client.ID, client)
}

func (s *storage) Client(_ context.Context, id string) (*goidc.Client, error) {
	return find(s, s.clients, id)
}

func (s *storage) DeleteClient(_ context.Context, id string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.clients, id)
	return nil
}

func (s *storage) SaveSession(_ context.Context, session *goidc.AuthnSession) error {
	s.mutex.Lock()
	s.sessionOf[session.AuthReqID] = session.ID
	s.mutex.Unlock()
	return save(s, s.sessions, session.ID, session)
}

func (s *storage) Session(_ context.Context, id string) (*goidc.AuthnSession, error) {
	return find(s, s.sessions, id)
}

func (s *storage) SessionByAuthReqID(_ context.Context, authReqID string) (*goidc.AuthnSession, error) {
	return find(s, s.sessions, s.indexed(s.sessionOf, authReqID))
}

func (s *storage) SaveGrant(_ context.Context, grant *goidc.Grant) error {
	s.mutex.Lock()
	for _, name := range []string{grant.AuthReqID, grant.RefreshToken} {
		if name != "" {
			s.grantOf[name] = grant.ID
		}
	}
	s.mutex.Unlock()
	return save(s, s.grants, grant.ID, grant)
}

func (s *storage) Grant(_ context.Context, id string) (*goidc.Grant, error) {
	return find(s, s.grants, id)
}

func (s *storage) GrantByAuthReqID(_ context.Context, authReqID string) (*goidc.Grant, error) {
	return find(s, s.grants, s.indexed(s.grantOf, authReqID))
}

func (s *storage) GrantByRefreshToken(_ context.Context, token string) (*goidc.Grant, error) {
	grant, err := find(s, s.grants, s.indexed(s.grantOf, token))
	if err == nil && grant.RefreshToken != token {
		return nil, goidc.ErrNotFound
	}
	return grant, err
}

func (s *storage) SaveToken(_ context.Context, token *goidc.Token) error {
	return save(s, s.tokens, token.ID, token)
}

func (s *storage) Token(_ context.Context, id string) (*goidc.Token, error) {
	return find(s, s.tokens, id)
}

func contains(granted []goidc.GrantType, grant goidc.GrantType) bool {
	return slices.Contains(granted, grant)
}

func containsWord(text, word string) bool {
	return slices.Contains(strings.Fields(text), word)
}
