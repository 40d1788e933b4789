// An OpenID provider of github.com/luikyv/go-oidc for the end-to-end matrix: TLS on two loopback ports, the second for
// client certificates, and a third port in plain http through which a test registers clients and decides as an end-user.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
)

// Settings are read from standard input; one line of JSON, with the addresses, is the only output.
type Settings struct {
	Certificate string `json:"certificate"`
	PrivateKey  string `json:"privateKey"`
	Authority   string `json:"authority"`
	// Seconds.
	Interval int `json:"interval"`
	Lifetime int `json:"lifetime"`
	// Whether the provider keeps to the FAPI-CIBA profile.
	Fapi bool `json:"fapi"`
}

type addresses struct {
	Issuer  string `json:"issuer"`
	Control string `json:"control"`
}

func main() {
	log.SetFlags(0)
	var settings Settings
	check(json.NewDecoder(os.Stdin).Decode(&settings))
	pair, err := tls.X509KeyPair([]byte(settings.Certificate), []byte(settings.PrivateKey))
	check(err)
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM([]byte(settings.Authority))

	public, mutual, control := listen(), listen(), listen()
	issuer := "https://" + public.Addr().String()
	stored, requests := newStorage(), &requestLog{}
	op, err := newProvider(settings, issuer, "https://"+mutual.Addr().String(), stored, requests, authorities)
	check(err)

	handler := requests.record(echoInteractionID(settings.Fapi, op.Handler()))
	server := &http.Server{
		Handler:   handler,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		HTTP2:     &http.HTTP2Config{MaxConcurrentStreams: 5},
	}
	withCertificates := &http.Server{
		Handler:   withClientCertificate(handler),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert},
	}
	go func() { check(server.ServeTLS(public, "", "")) }()
	go func() { check(withCertificates.ServeTLS(mutual, "", "")) }()
	check(json.NewEncoder(os.Stdout).Encode(addresses{Issuer: issuer, Control: "http://" + control.Addr().String()}))
	check(http.Serve(control, newControl(op, stored, requests)))
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	return listener
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
