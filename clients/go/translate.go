package edgemesh

// gRPC's errors to this package's. The one place that reads google.rpc's details, and that says what
// may be sent again.

import (
	"errors"
	"regexp"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// neverBegan are the reasons that say that no work was begun.
var neverBegan = map[string]bool{
	"RATE_LIMITED":     true,
	"TOO_MANY_AT_ONCE": true,
	"COMPUTE_SPENT":    true,
	"QUEUE_FULL":       true,
	"NOT_STARTED":      true,
	"SHUTTING_DOWN":    true,
	"STORAGE_FULL":     true,
}

// notConnected is what grpc-go says of a request that never left.
var notConnected = regexp.MustCompile(`Error while dialing|name resolver error|connection refused`)

// fromRPC makes a RefusedError of an RPC's error; others pass as they are.
func fromRPC(err error) error {
	if err == nil {
		return nil
	}
	var known *RefusedError
	if errors.As(err, &known) {
		return err
	}
	return fromStatus(status.Convert(err))
}

// fromJob is why a job has no response.
func fromJob(failed *computev1.JobError) *RefusedError {
	return fromStatus(status.FromProto(&spb.Status{
		Code:    failed.GetCode(),
		Message: failed.GetMessage(),
		Details: failed.GetDetails(),
	}))
}

func fromStatus(told *status.Status) *RefusedError {
	refused := &RefusedError{Code: told.Code(), Message: told.Message(), status: told}
	for _, detail := range told.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refused.Reason, refused.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, each := range detail.GetFieldViolations() {
				refused.Violations = append(
					refused.Violations, Violation{each.GetField(), each.GetDescription()})
			}
		case *errdetails.QuotaFailure:
			for _, each := range detail.GetViolations() {
				refused.Quotas = append(
					refused.Quotas, Quota{each.GetSubject(), each.GetDescription()})
			}
		case *errdetails.RetryInfo:
			refused.RetryAfter = detail.GetRetryDelay().AsDuration()
		}
	}
	return refused
}

// mayRetry says whether the same request may be sent again; safe: twice does no more than once.
func mayRetry(refused *RefusedError, safe bool) bool {
	switch {
	case neverBegan[refused.Reason]:
		return true
	case refused.Reason == "UNUSABLE_MODEL":
		return refused.RetryAfter > 0 // nothing ran
	case refused.Reason == "STORE_AWAY":
		return safe
	case refused.Code != codes.Unavailable:
		return false
	}
	return safe || refused.Reason == "" && notConnected.MatchString(refused.Message)
}
