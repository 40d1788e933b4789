package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Registers clients, and decides in the end-user's place.
func newControl(op *provider.Provider, stored *storage, requests *requestLog) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /clients", respond(func(ctx context.Context, body []byte) error {
		var client goidc.Client
		if err := json.Unmarshal(body, &client); err != nil {
			return err
		}
		return stored.SaveClient(ctx, &client)
	}))
	routes.HandleFunc("POST /approve", respond(func(ctx context.Context, body []byte) error {
		session, err := stored.SessionByAuthReqID(ctx, string(body))
		if err != nil {
			return err
		}
		session.Subject = strings.TrimSuffix(session.LoginHint, "@example.com")
		session.GrantedScopes = session.Scopes
		session.GrantedAuthDetails = session.AuthDetails
		session.GrantedResources = session.Resources
		if err := stored.SaveSession(ctx, session); err != nil {
			return err
		}
		return op.GrantCIBARequest(ctx, session.AuthReqID)
	}))
	routes.HandleFunc("POST /deny", respond(func(ctx context.Context, body []byte) error {
		return op.DenyCIBARequest(ctx, string(body), goidc.NewError(goidc.ErrorCodeAccessDenied, "the end-user refused"))
	}))
	routes.HandleFunc("POST /close", respond(func(_ context.Context, body []byte) error {
		requests.closing.Store(string(body), true)
		return nil
	}))
	routes.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(requests.list())
	})
	return routes
}

func respond(act func(context.Context, []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = act(r.Context(), body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// One request to the provider, and its response; or a notification: what the provider sent, under the path "/notification".
type recordedRequest struct {
	Protocol string `json:"protocol"`
	// The client's address, one for each connection.
	Connection string `json:"connection"`
	// The x5t#S256 of the client's certificate.
	Certificate string            `json:"certificate"`
	Path        string            `json:"path"`
	Headers     map[string]string `json:"headers"`
	Form        map[string]string `json:"form"`
	Status      int               `json:"status"`
	Body        string            `json:"body"`
}

type requestLog struct {
	mutex sync.Mutex
	all   []recordedRequest
	// The clients to which each response ends its connection, over HTTP/2 by GOAWAY.
	closing sync.Map
}

func (l *requestLog) add(recorded recordedRequest) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.all = append(l.all, recorded)
}

func (l *requestLog) list() []recordedRequest {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]recordedRequest{}, l.all...)
}

func (l *requestLog) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		response := &copiedResponse{ResponseWriter: w, status: http.StatusOK}
		form, _ := url.ParseQuery(string(body))
		if _, ok := l.closing.Load(form.Get("client_id")); ok {
			w.Header().Set("connection", "close")
		}
		next.ServeHTTP(response, r)
		recorded := recordedRequest{
			Protocol: r.Proto, Connection: r.RemoteAddr, Certificate: thumbprint(r), Path: r.URL.Path,
			Headers: map[string]string{}, Form: map[string]string{}, Status: response.status, Body: response.body.String(),
		}
		for _, name := range []string{"authorization", "dpop", "user-agent"} {
			if value := r.Header.Get(name); value != "" {
				recorded.Headers[name] = value
			}
		}
		for name := range form {
			recorded.Form[name] = form.Get(name)
		}
		l.add(recorded)
	})
}

func thumbprint(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Records notifications on their way to clients.
type recordedTransport struct {
	http.RoundTripper
	requests *requestLog
}

func (t recordedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		t.requests.add(recordedRequest{
			Path: "/notification", Headers: map[string]string{}, Form: map[string]string{}, Status: response.StatusCode, Body: string(body),
		})
	}
	return response, err
}

type copiedResponse struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copiedResponse) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *copiedResponse) Write(bytes []byte) (int, error) {
	c.body.Write(bytes)
	return c.ResponseWriter.Write(bytes)
}

type certificateKey struct{}

func withClientCertificate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if certificates := r.TLS.PeerCertificates; len(certificates) > 0 {
			r = r.WithContext(context.WithValue(r.Context(), certificateKey{}, certificates[0]))
		}
		next.ServeHTTP(w, r)
	})
}

func clientCertificate(ctx context.Context) (*x509.Certificate, error) {
	certificate, ok := ctx.Value(certificateKey{}).(*x509.Certificate)
	if !ok {
		return nil, errors.New("the client sent no certificate")
	}
	return certificate, nil
}

// FAPI: a response repeats the x-fapi-interaction-id of its request.
func echoInteractionID(enabled bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("x-fapi-interaction-id"); enabled && id != "" {
			w.Header().Set("x-fapi-interaction-id", id)
		}
		next.ServeHTTP(w, r)
	})
}
