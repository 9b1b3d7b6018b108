package edgemesh_test

import (
	"context"
	"errors"
	"math/cmplx"
	"testing"
	"time"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var impulse = edgemesh.Request{
	Algorithm: "cpp.fft",
	Inputs:    edgemesh.Tensors{"x": edgemesh.Vector([]float64{0, 1, 0, -1})},
}

func TestComputeGivesTensors(t *testing.T) {
	client, _ := dialed(t)
	result, err := client.Compute(t.Context(), impulse)
	if err != nil {
		t.Fatal(err)
	}
	y, err := edgemesh.Values[complex128](result.Outputs["y"])
	if err != nil {
		t.Fatal(err)
	}
	for at, expected := range []complex128{0, -2i, 0, 2i} {
		if cmplx.Abs(y[at]-expected) > 1e-12 {
			t.Errorf("y[%d] is %v instead of %v", at, y[at], expected)
		}
	}
}

func TestWorkThatFailsIsAnErrorWithItsResult(t *testing.T) {
	client, _ := dialed(t)
	result, err := client.RunPython(t.Context(), edgemesh.Python{Code: "print('so far'); 1 / 0"})
	var failed *edgemesh.FailedError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no FailedError", err)
	}
	if result != failed.Result || result.Outcome != edgemesh.Exception || result.Stdout != "so far\n" {
		t.Errorf("%+v", result)
	}
	if err.Error() != "EXCEPTION: ZeroDivisionError: division by zero" {
		t.Error(err)
	}
}

func TestARefusalHasAllThatTheMeshSays(t *testing.T) {
	client, mesh := dialed(t)
	mesh.refuse(refusal(codes.InvalidArgument, "INVALID_PARAMETER", 0, &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "parameters.norm", Description: "one of backward, ortho"},
		},
	}, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
		{Subject: "tenant:physics", Description: "rate"},
	}}))
	_, err := client.Compute(t.Context(), impulse)
	var refused *edgemesh.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%v is no RefusedError", err)
	}
	violation := edgemesh.Violation{Field: "parameters.norm", Description: "one of backward, ortho"}
	if refused.Reason != "INVALID_PARAMETER" || refused.Violations[0] != violation {
		t.Errorf("%+v", refused)
	}
	if refused.Metadata["limit"] != "4" || refused.Quotas[0].Subject != "tenant:physics" {
		t.Errorf("%+v", refused)
	}
	if err.Error() != "INVALID_PARAMETER: refused\n  parameters.norm: one of backward, ortho" {
		t.Error(err)
	}
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("gRPC sees %v", status.Code(err))
	}
}

func TestWhatDidNotBeginIsTriedAgain(t *testing.T) {
	client, mesh := dialed(t)
	mesh.refuse(
		refusal(codes.ResourceExhausted, "QUEUE_FULL", time.Millisecond),
		refusal(codes.Unavailable, "NOT_STARTED", time.Millisecond),
	)
	if _, err := client.Compute(t.Context(), impulse); err != nil {
		t.Fatal(err)
	}
	if mesh.calls != 3 {
		t.Errorf("%d calls instead of 3", mesh.calls)
	}
	mesh.refuse(refusal(codes.ResourceExhausted, "RATE_LIMITED", time.Millisecond))
	for _, err := range client.ComputeStream(t.Context(), impulse) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatMayHaveBegunIsNotTriedAgain(t *testing.T) {
	for _, err := range []error{
		refusal(codes.Unavailable, "EXECUTOR_LOST", 0),
		status.Error(codes.Unavailable, "error reading from server: EOF"),
		refusal(codes.ResourceExhausted, "PAYLOAD_TOO_LARGE", 0),
	} {
		client, mesh := dialed(t)
		mesh.refuse(err)
		if _, got := client.Compute(t.Context(), impulse); status.Code(got) != status.Code(err) {
			t.Errorf("%v instead of %v", got, err)
		}
		if mesh.calls != 1 {
			t.Errorf("%v: %d calls instead of 1", err, mesh.calls)
		}
	}
}

func TestAWaitThatEndsAfterTheDeadlineIsNotBegun(t *testing.T) {
	client, mesh := dialed(t, edgemesh.WithTimeout(time.Minute))
	mesh.refuse(refusal(codes.ResourceExhausted, "COMPUTE_SPENT", time.Hour))
	_, err := client.Compute(t.Context(), impulse)
	var refused *edgemesh.RefusedError
	if !errors.As(err, &refused) || refused.RetryAfter != time.Hour || mesh.calls != 1 {
		t.Errorf("%v after %d calls", err, mesh.calls)
	}
}

func TestTheBudgetOfRetriesIsShared(t *testing.T) {
	client, mesh := dialed(t, edgemesh.WithRetries(edgemesh.Retries{Attempts: 4, Budget: 1}))
	for range 5 {
		mesh.refuse(refusal(codes.Unavailable, "NOT_STARTED", time.Millisecond))
	}
	for range 2 {
		if _, err := client.Compute(t.Context(), impulse); err == nil {
			t.Error("it was not refused")
		}
	}
	if mesh.calls != 3 {
		t.Errorf("%d calls instead of 3", mesh.calls)
	}
}

func TestTheContextEndsACall(t *testing.T) {
	client, _ := dialed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := client.Compute(ctx, edgemesh.Request{Algorithm: "test.forever"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not context.DeadlineExceeded", err)
	}
}

func TestTheContextEndsAWaitBetweenAttempts(t *testing.T) {
	client, mesh := dialed(t, edgemesh.WithTimeout(0))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	mesh.refuse(refusal(codes.Unavailable, "NOT_STARTED", time.Hour))
	mesh.refused = func() { time.AfterFunc(10*time.Millisecond, stop) }
	if _, err := client.Compute(ctx, impulse); !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

func TestTheKeyIsShown(t *testing.T) {
	client, mesh := dialed(t, edgemesh.WithAPIKey("em_secret"))
	if _, err := client.Compute(t.Context(), impulse); err != nil {
		t.Fatal(err)
	}
	if len(mesh.bearers) != 1 || mesh.bearers[0] != "Bearer em_secret" {
		t.Errorf("shown: %q", mesh.bearers)
	}
}

func TestAddressesAndOptionsThatMakeNoSense(t *testing.T) {
	for _, address := range []string{"mesh", "ftp://mesh:1", "mesh:", ":50051", "https://mesh"} {
		if _, err := edgemesh.Dial(address); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
	if _, err := edgemesh.Dial("http://mesh:1", edgemesh.WithAPIKey("em_secret")); err == nil {
		t.Error("a key would go over the network in the clear")
	}
	if _, err := edgemesh.Dial("", edgemesh.WithAPIKey("a\nb")); err == nil {
		t.Error("a key of two lines is taken")
	}
	if _, err := edgemesh.Dial("", edgemesh.WithTLS(nil), edgemesh.WithPlaintext()); err == nil {
		t.Error("both are taken")
	}
}

func TestRequestsThatMakeNoSenseAreNotSent(t *testing.T) {
	client, mesh := dialed(t)
	for _, request := range []edgemesh.Request{
		{Algorithm: "test.echo", Parameters: []int{1}},
		{Algorithm: "test.echo", Parameters: func() {}},
		{Algorithm: "test.echo", Priority: "soon"},
		{Algorithm: "test.echo", Inputs: edgemesh.Tensors{"x": nil}},
	} {
		if _, err := client.Compute(t.Context(), request); err == nil {
			t.Errorf("%+v is taken", request)
		}
	}
	if mesh.calls != 0 {
		t.Errorf("%d calls", mesh.calls)
	}
}
