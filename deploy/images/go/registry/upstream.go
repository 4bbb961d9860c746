package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
)

// Names of files, never what is in them: PEM. Without the first nothing is changed.
const (
	upstreamAuthority   = "FAIRLEAD_UPSTREAM_AUTHORITY"
	upstreamCertificate = "FAIRLEAD_UPSTREAM_CERTIFICATE"
	upstreamKey         = "FAIRLEAD_UPSTREAM_KEY"
)

// introduceOurselves lets a pull-through cache show a certificate to the registry that it asks, and trust no other
// authority. Distribution has no setting for either, but asks with net/http's default transport
// (registry/proxy/proxyregistry.go, v3.1.2).
//
// The certificate is read at each handshake, so that a renewed one counts without a restart.
func introduceOurselves() error {
	name := os.Getenv(upstreamAuthority)
	if name == "" {
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content) {
		return errors.New(name + " holds no certificate")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // a registry of the fleet is never behind one
	// With HTTP/2 all layers would share one connection, and its flow control.
	transport.ForceAttemptHTTP2 = false
	transport.TLSClientConfig = &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    authorities,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(os.Getenv(upstreamCertificate), os.Getenv(upstreamKey))
			return &pair, err
		},
	}
	http.DefaultTransport = transport
	return nil
}
