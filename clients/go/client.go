package edgemesh

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// A Client calls one mesh. It may be used by many goroutines at once.
type Client struct {
	connection *grpc.ClientConn
	timeout    time.Duration
	retrier    *retrier

	compute    computev1.ComputeServiceClient
	algorithms computev1.AlgorithmServiceClient
	jobs       computev1.JobServiceClient
	sessions   computev1.SessionServiceClient
}

// Dial makes a client of the mesh at "host:port", "https://host:port" or "unix:/path"; empty:
// EDGEMESH_ADDRESS of the environment, or [DefaultAddress]. It connects when it is first used. The
// error is about address and options.
func Dial(address string, given ...Option) (*Client, error) {
	target, settled, err := settle(address, given)
	if err != nil {
		return nil, err
	}
	dial := []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute}),
		grpc.WithDisableRetry(), // they are made here, by what the mesh says
	}
	if settled.tls == nil {
		dial = append(dial, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		dial = append(dial, grpc.WithTransportCredentials(credentials.NewTLS(settled.tls)))
	}
	if settled.bearer != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(settled.bearer)))
	}
	connection, err := grpc.NewClient(target, append(dial, settled.dial...)...)
	if err != nil {
		return nil, err
	}
	return &Client{
		connection: connection,
		timeout:    settled.timeout,
		retrier:    newRetrier(settled.retries),
		compute:    computev1.NewComputeServiceClient(connection),
		algorithms: computev1.NewAlgorithmServiceClient(connection),
		jobs:       computev1.NewJobServiceClient(connection),
		sessions:   computev1.NewSessionServiceClient(connection),
	}, nil
}

// Close ends the connection, and the calls on it.
func (c *Client) Close() error { return c.connection.Close() }

// Connection is the connection itself, for stubs of services that this package does not wrap.
func (c *Client) Connection() *grpc.ClientConn { return c.connection }

// Compute runs an algorithm. Work that ends otherwise than OK is a [FailedError], and its result is
// given beside the error.
func (c *Client) Compute(ctx context.Context, request Request) (*Result, error) {
	message, err := request.wire()
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	answer, err := unary(ctx, c, c.compute.Compute, message, false)
	if err != nil {
		return nil, err
	}
	return checked(answer)
}

// ComputeStream runs an algorithm and tells what happens while it does. The last event, and only it,
// is the *[Result]; who leaves the loop before ends the work. After an error nothing comes.
func (c *Client) ComputeStream(ctx context.Context, request Request) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		message, err := request.wire()
		if err != nil {
			yield(nil, err)
			return
		}
		ctx, cancel := c.bound(ctx)
		defer cancel()
		for told, err := range stream(ctx, c, c.compute.ComputeStream, message, false) {
			if err != nil {
				yield(nil, err)
				return
			}
			event, err := readEvent(told)
			if event == nil && err == nil {
				continue // of a kind that this client is too old to know
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// bound gives a context the client's timeout where it has no deadline of its own.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded || c.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// unary makes one call, with its retries; safe: it may be sent again though it may have begun.
func unary[Q, R any](
	ctx context.Context, c *Client,
	method func(context.Context, Q, ...grpc.CallOption) (R, error), request Q, safe bool,
) (R, error) {
	for attempt := 0; ; attempt++ {
		answer, err := method(ctx, request)
		if err == nil {
			c.retrier.well()
			return answer, nil
		}
		if err := c.retrier.again(ctx, fromRPC(err), attempt, safe); err != nil {
			var none R
			return none, err
		}
	}
}

// stream makes one streamed call, tried again as long as nothing of it has come.
func stream[Q, R any](
	ctx context.Context, c *Client,
	method func(context.Context, Q, ...grpc.CallOption) (grpc.ServerStreamingClient[R], error),
	request Q, safe bool,
) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the call where the loop was left
		for attempt := 0; ; attempt++ {
			begun, over, err := drain(ctx, method, request, yield)
			if over {
				return
			}
			if err == nil {
				c.retrier.well()
				return
			}
			if err = fromRPC(err); !begun {
				err = c.retrier.again(ctx, err, attempt, safe)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// drain yields what one attempt brings: whether anything came, whether the loop was left, and the
// error that ended it.
func drain[Q, R any](
	ctx context.Context,
	method func(context.Context, Q, ...grpc.CallOption) (grpc.ServerStreamingClient[R], error),
	request Q, yield func(*R, error) bool,
) (begun, over bool, err error) {
	call, err := method(ctx, request)
	if err != nil {
		return false, false, err
	}
	for {
		told, err := call.Recv()
		if err != nil {
			return begun, false, ended(err)
		}
		begun = true
		if !yield(told, nil) {
			return true, true, nil
		}
	}
}

// ended is nil for the end that a stream should have.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
