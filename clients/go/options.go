package edgemesh

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// DefaultAddress is a mesh on this machine.
const DefaultAddress = "127.0.0.1:50051"

const defaultTimeout = time.Minute

// An Option changes how a client calls.
type Option func(*options)

type options struct {
	bearer    string
	tls       *tls.Config
	plaintext bool
	timeout   time.Duration
	retries   Retries
	dial      []grpc.DialOption
}

// WithAPIKey shows this key, or token, as the bearer; otherwise EDGEMESH_API_KEY or EDGEMESH_TOKEN of
// the environment.
func WithAPIKey(key string) Option {
	return func(o *options) { o.bearer = key }
}

// WithTLS encrypts, with authorities and certificates as the configuration has them; nil: the
// system's authorities. It is on by itself where the address says https://, and where a key would
// leave this machine.
func WithTLS(config *tls.Config) Option {
	return func(o *options) {
		if config == nil {
			config = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		o.tls = config
	}
}

// WithPlaintext sends in the clear, a key too.
func WithPlaintext() Option {
	return func(o *options) { o.plaintext = true }
}

// WithTimeout bounds calls whose context has no deadline, retries included; 0: not at all.
func WithTimeout(timeout time.Duration) Option {
	return func(o *options) { o.timeout = timeout }
}

// WithRetries says how often calls that did not begin are made again.
func WithRetries(retries Retries) Option {
	return func(o *options) { o.retries = retries }
}

// WithDialOptions adds gRPC's own, e.g. interceptors or a dialer.
func WithDialOptions(dial ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, dial...) }
}

// settle makes one thing of address, options and environment; target is what gRPC dials.
func settle(address string, given []Option) (target string, settled options, err error) {
	settled = options{timeout: defaultTimeout, retries: DefaultRetries}
	settled.bearer = first(os.Getenv("EDGEMESH_API_KEY"), os.Getenv("EDGEMESH_TOKEN"))
	for _, option := range given {
		option(&settled)
	}
	for _, char := range settled.bearer {
		if char < ' ' || char > '~' {
			return "", settled, fmt.Errorf("edgemesh: an API key has printable ASCII characters only")
		}
	}
	if settled.plaintext && settled.tls != nil {
		return "", settled, fmt.Errorf("edgemesh: either WithTLS or WithPlaintext, not both")
	}
	address = strings.TrimSpace(first(address, os.Getenv("EDGEMESH_ADDRESS"), DefaultAddress))
	if strings.HasPrefix(address, "unix:") {
		return address, settled, nil
	}
	scheme, place, found := strings.Cut(strings.TrimSuffix(address, "/"), "://")
	if !found {
		scheme, place = "", scheme
	}
	host, port, err := net.SplitHostPort(place)
	if err != nil || host == "" || port == "" || scheme != "" && scheme != "http" && scheme != "https" {
		return "", settled, fmt.Errorf(
			"edgemesh: an address is host:port, https://host:port or unix:/path, not %q", address)
	}
	far := settled.bearer != "" && !loopback(host)
	if settled.tls == nil && !settled.plaintext && (scheme == "https" || far) {
		if scheme == "http" {
			return "", settled, fmt.Errorf(
				"edgemesh: http:// shows the key to the network: use https://, or WithPlaintext")
		}
		WithTLS(nil)(&settled)
	}
	return net.JoinHostPort(host, port), settled, nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bearer shows a key with each call. Whether that may be in the clear is settled before.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (b bearer) RequireTransportSecurity() bool { return false }
