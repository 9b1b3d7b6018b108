package edgemesh

// What can go wrong, as types.
//
//	RefusedError    the mesh refused it, or was not reached: code, reason, violations, …
//	FailedError     the work ended otherwise than OK: its result, with what it printed
//	TensorError     numbers and a shape, or a type, do not fit each other
//
// What makes no sense before anything is sent (an address, parameters that are no JSON) is an error
// without a type of its own.

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A RefusedError is what the mesh did not do.
type RefusedError struct {
	// Code is gRPC's.
	Code codes.Code
	// Reason is one of the contract's (compute.proto), e.g. "QUEUE_FULL"; empty where the mesh was
	// not reached.
	Reason string
	// Message is for a person.
	Message string
	// Violations say which fields of the request are wrong.
	Violations []Violation
	// Quotas say which of the tenant's own limits refused.
	Quotas []Quota
	// Metadata is what the reason has beside it, e.g. "scope" or "limit".
	Metadata map[string]string
	// RetryAfter says when to try again, where waiting helps; otherwise 0.
	RetryAfter time.Duration

	status *status.Status
}

// A Violation is a field of a request that is wrong.
type Violation struct {
	// Field is its path, e.g. "parameters.norm".
	Field string
	// Description is what was expected there.
	Description string
}

// A Quota is a limit of a tenant that was reached.
type Quota struct {
	// Subject is whose it is, e.g. "tenant:physics".
	Subject string
	// Description is which.
	Description string
}

// Error has the reason, or the code, and the fields that are wrong.
func (e *RefusedError) Error() string {
	var text strings.Builder
	name := e.Reason
	if name == "" {
		name = e.Code.String()
	}
	fmt.Fprintf(&text, "%s: %s", name, e.Message)
	for _, violation := range e.Violations {
		if !strings.Contains(e.Message, violation.Description) {
			fmt.Fprintf(&text, "\n  %s: %s", violation.Field, violation.Description)
		}
	}
	return text.String()
}

// Is makes errors.Is(err, context.DeadlineExceeded) and context.Canceled true of those codes.
func (e *RefusedError) Is(target error) bool {
	switch e.Code {
	case codes.DeadlineExceeded:
		return target == context.DeadlineExceeded
	case codes.Canceled:
		return target == context.Canceled
	}
	return false
}

// GRPCStatus is the status as it came, for [status.FromError].
func (e *RefusedError) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

// A FailedError is work that ended otherwise than OK. Its result is whole but for what was not
// reached.
type FailedError struct {
	Result *Result
}

// Error has the outcome, and what the work said of its end.
func (e *FailedError) Error() string {
	text := string(e.Result.Outcome)
	failure := e.Result.Failure
	if failure == nil {
		return text
	}
	if failure.Type != "" {
		text += ": " + failure.Type
	}
	if failure.Message != "" {
		text += ": " + failure.Message
	}
	return text
}

// A TensorError is a tensor that cannot be made, or not be read as asked.
type TensorError struct {
	Problem string
}

func (e *TensorError) Error() string {
	return "tensor: " + e.Problem
}
