package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

var (
	asymmetric = []goidc.SignatureAlgorithm{
		goidc.RS256, goidc.RS384, goidc.RS512, goidc.PS256, goidc.PS384, goidc.PS512, goidc.ES256, goidc.ES384, goidc.ES512,
	}
	fapi   = []goidc.SignatureAlgorithm{goidc.PS256, goidc.ES256}
	scopes = []goidc.Scope{goidc.ScopeOpenID, goidc.ScopeOfflineAccess, goidc.ScopeProfile, goidc.ScopeEmail}
)

func newProvider(
	settings Settings, issuer, mutual string, stored *storage, requests *requestLog, authorities *x509.CertPool,
) (*provider.Provider, error) {
	keys, err := newKeys()
	if err != nil {
		return nil, err
	}
	options := append(commonOptions(settings, mutual, stored, requests, authorities), openOptions()...)
	if settings.Fapi {
		options = append(commonOptions(settings, mutual, stored, requests, authorities), fapiOptions()...)
	}
	return provider.New(issuer, stored, func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil }, options...)
}

func commonOptions(
	settings Settings, mutual string, stored *storage, requests *requestLog, authorities *x509.CertPool,
) []provider.Option {
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}, ForceAttemptHTTP2: true},
	}
	notifying := &http.Client{
		CheckRedirect: client.CheckRedirect,
		Transport:     recordedTransport{RoundTripper: client.Transport, requests: requests},
	}
	hashes := &accessTokenHashes{}
	return []provider.Option{
		provider.WithScopes(scopes...),
		provider.WithCIBAGrant(stored, goidc.CIBADeliveryModePoll, goidc.CIBADeliveryModePing, goidc.CIBADeliveryModePush),
		provider.WithCIBASessionHandler(checkRequest),
		provider.WithCIBAPollingInterval(settings.Interval),
		provider.WithCIBALifetime(settings.Lifetime),
		provider.WithHTTPClientFunc(func(context.Context) *http.Client { return client }),
		provider.WithCIBAHTTPClientFunc(func(context.Context) *http.Client { return notifying }),
		provider.WithMTLS(mutual, clientCertificate),
		provider.WithTLSAuthn(),
		provider.WithTLSTokenBinding(),
		provider.WithJTIConsumer(newJTIConsumer()),
		provider.WithRefreshTokenGrant(stored),
		provider.WithRefreshTokenShouldIssue(func(_ context.Context, client *goidc.Client, grant *goidc.Grant) bool {
			return contains(client.GrantTypes, goidc.GrantRefreshToken) && containsWord(grant.Scopes, "offline_access")
		}),
		provider.WithOpaqueTokens(stored),
		provider.WithOpaqueTokenFunc(hashes.newToken),
		provider.WithTokenOptions(tokenOptions),
		provider.WithIDTokenClaims(hashes.claims),
		provider.WithUserInfoClaims(func(_ context.Context, grant *goidc.Grant) map[string]any {
			return map[string]any{goidc.ClaimEmail: grant.Subject + "@example.com"}
		}),
		provider.WithClaims(goidc.ClaimEmail),
		provider.WithClaimsParameter(),
		provider.WithDCR(stored),
		provider.WithDCRInitialTokenValidator(func(_ context.Context, token string) error {
			if token != "let-me-in" {
				return goidc.NewError(goidc.ErrorCodeAccessDenied, "the initial access token is wrong")
			}
			return nil
		}),
		provider.WithDCRClientHandler(func(_ context.Context, _ string, meta *goidc.ClientMeta) error {
			meta.ScopeIDs = "openid offline_access profile email"
			return nil
		}),
	}
}

func openOptions() []provider.Option {
	return []provider.Option{
		provider.WithIDTokenSignatureAlgs(goidc.RS256, asymmetric...),
		provider.WithIDTokenEncryption(goidc.RSA_OAEP, goidc.RSA_OAEP_256),
		provider.WithIDTokenContentEncryptionAlgs(goidc.A256GCM, goidc.A128CBC_HS256),
		provider.WithUserInfoSignatureAlgs(goidc.ES256, asymmetric...),
		provider.WithNoneAuthn(),
		provider.WithSecretBasicAuthn(),
		provider.WithSecretPostAuthn(),
		provider.WithSecretJWTAuthn(goidc.HS256, goidc.HS384, goidc.HS512),
		provider.WithPrivateKeyJWTAuthn(goidc.RS256, asymmetric...),
		provider.WithSelfSignedTLSAuthn(),
		provider.WithCIBAJAR(goidc.ES256, goidc.PS256),
		provider.WithCIBAUserCode(),
		provider.WithDPoP(goidc.ES256, goidc.PS256),
		provider.WithRAR("payment", "account"),
		provider.WithRARDetailsComparator(allowSubset),
		provider.WithResourceIndicators("https://api.example.com/payments", "https://api.example.com/accounts"),
		provider.WithTokenIntrospection(func(context.Context, *goidc.Client, goidc.TokenInfo) bool { return true }),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
	}
}

func fapiOptions() []provider.Option {
	return []provider.Option{
		provider.WithCIBAProfile(goidc.CIBAProfileFAPI),
		provider.WithIDTokenSignatureAlgs(goidc.PS256, fapi...),
		provider.WithPrivateKeyJWTAuthn(goidc.PS256, fapi...),
		provider.WithCIBAJARRequired(goidc.PS256, fapi...),
		provider.WithTLSTokenBindingRequired(),
	}
}

func checkRequest(_ context.Context, session *goidc.AuthnSession, _ *goidc.Client) error {
	if session.LoginHint == "unknown" {
		return goidc.NewError("unknown_user_id", "the end-user is unknown")
	}
	if len(session.BindingMessage) > 20 {
		return goidc.NewError(goidc.ErrorCodeInvalidBindingMessage, "the binding_message is too long")
	}
	return nil
}

// By default a token request may not name fewer authorization details than were granted.
func allowSubset(_ context.Context, requested, granted []goidc.AuthDetail) error {
	for _, detail := range requested {
		isGranted := slices.ContainsFunc(granted, func(other goidc.AuthDetail) bool { return reflect.DeepEqual(detail, other) })
		if !isGranted {
			return errors.New("the detail was not granted")
		}
	}
	return nil
}

// A resource server verifies a JWT; the tokens of a push client are opaque, since their value has to be known beforehand.
func tokenOptions(_ context.Context, _ *goidc.Grant, client *goidc.Client) goidc.TokenOptions {
	if client.CIBATokenDeliveryMode == goidc.CIBADeliveryModePush {
		return goidc.NewOpaqueTokenOptions(600)
	}
	return goidc.NewJWTTokenOptions(goidc.PS256, 600)
}

// The at_hash of pushed ID Tokens, which go-oidc leaves out, for clients whose name asks for it: its operator can add it as
// a claim of his own where the access token is opaque.
type accessTokenHashes struct {
	byGrant sync.Map
}

func (h *accessTokenHashes) newToken(_ context.Context, grant *goidc.Grant) string {
	token := rand.Text()
	if grant.ClientID == "push-with-at_hash" {
		sum := sha256.Sum256([]byte(token))
		h.byGrant.Store(grant.ID, base64.RawURLEncoding.EncodeToString(sum[:16]))
	}
	return token
}

func (h *accessTokenHashes) claims(_ context.Context, grant *goidc.Grant) map[string]any {
	claims := map[string]any{goidc.ClaimAuthTime: grant.CreatedAt}
	if hash, ok := h.byGrant.LoadAndDelete(grant.ID); ok {
		claims[goidc.ClaimAccessTokenHash] = hash
	}
	return claims
}

func newJTIConsumer() goidc.ConsumeJTIFunc {
	var seen sync.Map
	return func(_ context.Context, id string) error {
		if _, known := seen.LoadOrStore(id, true); known {
			return errors.New("the jti was used before")
		}
		return nil
	}
}

func newKeys() (goidc.JSONWebKeySet, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return goidc.JSONWebKeySet{}, err
	}
	keys := []goidc.JSONWebKey{}
	for _, algorithm := range asymmetric[:6] {
		keys = append(keys, goidc.JSONWebKey{Key: private, KeyID: string(algorithm), Algorithm: string(algorithm), Use: "sig"})
	}
	curves := []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}
	for index, algorithm := range asymmetric[6:] {
		private, err := ecdsa.GenerateKey(curves[index], rand.Reader)
		if err != nil {
			return goidc.JSONWebKeySet{}, err
		}
		keys = append(keys, goidc.JSONWebKey{Key: private, KeyID: string(algorithm), Algorithm: string(algorithm), Use: "sig"})
	}
	return goidc.JSONWebKeySet{Keys: keys}, nil
}
