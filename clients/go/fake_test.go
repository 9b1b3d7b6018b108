package edgemesh_test

// A mesh in this process: it computes what the tests ask for, and does once what it is told to do.

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/cmplx"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// fake is the mesh. Its refusals come first, one for each call.
type fake struct {
	computev1.UnimplementedComputeServiceServer
	computev1.UnimplementedJobServiceServer

	mutex    sync.Mutex
	refusals []error
	calls    int
	bearers  []string
	refused  func()
	cut      bool
	ended    chan struct{}
}

// dialed is a client of a new fake.
func dialed(t *testing.T, options ...edgemesh.Option) (*edgemesh.Client, *fake) {
	t.Helper()
	mesh := &fake{ended: make(chan struct{}, 1)}
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	computev1.RegisterComputeServiceServer(server, mesh)
	computev1.RegisterJobServiceServer(server, mesh)
	go server.Serve(listener) //nolint:errcheck // ends by Stop
	t.Cleanup(server.Stop)
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})
	client, err := edgemesh.Dial("127.0.0.1:1", append(options, edgemesh.WithDialOptions(dialer))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, mesh
}

// refuse has the next calls refused so.
func (f *fake) refuse(errors ...error) { f.refusals = append(f.refusals, errors...) }

// refusal is a status as the mesh makes them.
func refusal(code codes.Code, reason string, retry time.Duration, more ...protoadapt.MessageV1) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: reason, Domain: "edgemesh", Metadata: map[string]string{"limit": "4"},
	}}
	if retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
	}
	told, err := status.New(code, "refused").WithDetails(append(details, more...)...)
	if err != nil {
		panic(err)
	}
	return told.Err()
}

// begin counts a call, and gives the refusal that is its own.
func (f *fake) begin(ctx context.Context) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.calls++
	if given, found := metadata.FromIncomingContext(ctx); found {
		f.bearers = append(f.bearers, given.Get("authorization")...)
	}
	if len(f.refusals) == 0 {
		return nil
	}
	if f.refused != nil {
		f.refused()
	}
	err := f.refusals[0]
	f.refusals = f.refusals[1:]
	return err
}

func (f *fake) Compute(
	ctx context.Context, request *computev1.ComputeRequest,
) (*computev1.ComputeResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	return answer(ctx, request)
}

func (f *fake) ComputeStream(
	request *computev1.ComputeRequest, stream grpc.ServerStreamingServer[computev1.ComputeEvent],
) error {
	if err := f.begin(stream.Context()); err != nil {
		return err
	}
	if request.Algorithm == "test.forever" {
		defer func() { f.ended <- struct{}{} }() // it may end as it sends, too
	}
	for n := range 3 {
		printed := &computev1.OutputEvent{
			Stream: computev1.OutputStream_OUTPUT_STREAM_STDOUT, Text: string(rune('a' + n)),
		}
		event := &computev1.ComputeEvent{
			Sequence: uint64(n + 1), Event: &computev1.ComputeEvent_Output{Output: printed},
		}
		if err := stream.Send(event); err != nil {
			return err
		}
	}
	if request.Algorithm == "test.forever" {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	response, err := answer(stream.Context(), request)
	if err != nil {
		return err
	}
	return stream.Send(&computev1.ComputeEvent{
		Sequence: 4, Event: &computev1.ComputeEvent_Response{Response: response},
	})
}

// answer computes: a Fourier transform, an echo, an exception, or nothing for ever.
func answer(ctx context.Context, request *computev1.ComputeRequest) (*computev1.ComputeResponse, error) {
	response := &computev1.ComputeResponse{
		Outcome: computev1.Outcome_OUTCOME_OK, Algorithm: request.Algorithm + "@1",
	}
	switch strings.TrimSuffix(request.Algorithm, "@1") {
	case "cpp.fft":
		response.Outputs = map[string]*computev1.Tensor{"y": spectrum(request.Inputs["x"])}
	case "test.echo":
		response.Outputs, response.Result = request.Inputs, request.Parameters
		if response.Result == "" {
			response.Result = "null"
		}
	case "python.run":
		response.Outcome = computev1.Outcome_OUTCOME_EXCEPTION
		response.Stdout = "so far\n"
		response.Failure = &computev1.Failure{Type: "ZeroDivisionError", Message: "division by zero"}
	case "test.forever":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return response, nil
}

func spectrum(x *computev1.Tensor) *computev1.Tensor {
	values := make([]float64, len(x.GetData())/8)
	if _, err := binary.Decode(x.GetData(), binary.LittleEndian, values); err != nil {
		panic(err)
	}
	y := make([]complex128, len(values))
	for k := range y {
		for n, value := range values {
			turn := -2 * math.Pi * float64(k*n) / float64(len(values))
			y[k] += complex(value, 0) * cmplx.Exp(complex(0, turn))
		}
	}
	data, _ := binary.Append(nil, binary.LittleEndian, y)
	return &computev1.Tensor{
		Dtype:   computev1.DataType_DATA_TYPE_COMPLEX128,
		Shape:   x.Shape,
		Storage: &computev1.Tensor_Data{Data: data},
	}
}

func (f *fake) SubmitJob(
	ctx context.Context, request *computev1.SubmitJobRequest,
) (*computev1.SubmitJobResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(request.GetRequest().GetParameters())) || request.RequestId == "" {
		return nil, refusal(codes.InvalidArgument, "INVALID_REQUEST", 0)
	}
	return &computev1.SubmitJobResponse{Job: &computev1.Job{Id: request.Request.Algorithm}}, nil
}

// WaitJob is of a job that ends at the second look.
func (f *fake) WaitJob(
	ctx context.Context, request *computev1.WaitJobRequest,
) (*computev1.WaitJobResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	job := &computev1.Job{Id: request.Id, State: computev1.JobState_JOB_STATE_RUNNING}
	switch {
	case f.calls < 3:
	case request.Id == "test.cancelled":
		job.State = computev1.JobState_JOB_STATE_CANCELLED
		job.Result = &computev1.Job_Error{Error: &computev1.JobError{
			Code: int32(codes.Canceled), Message: "it was cancelled",
		}}
	default:
		job.State = computev1.JobState_JOB_STATE_SUCCEEDED
		response := &computev1.ComputeResponse{
			Outcome: computev1.Outcome_OUTCOME_OK, Result: "42",
		}
		job.Result = &computev1.Job_Response{Response: response}
	}
	return &computev1.WaitJobResponse{Job: job}, nil
}

// StreamJobEvents cuts the first connection after the first event.
func (f *fake) StreamJobEvents(
	request *computev1.StreamJobEventsRequest,
	stream grpc.ServerStreamingServer[computev1.StreamJobEventsResponse],
) error {
	states := []computev1.JobState{
		computev1.JobState_JOB_STATE_QUEUED,
		computev1.JobState_JOB_STATE_RUNNING,
		computev1.JobState_JOB_STATE_SUCCEEDED,
	}
	for at, state := range slices.All(states) {
		if uint64(at) < request.AfterSequence {
			continue
		}
		if at == 1 && !f.cut {
			f.cut = true
			return status.Error(codes.Unavailable, "the connection was cut")
		}
		event := &computev1.JobEvent{
			Sequence: uint64(at + 1), Event: &computev1.JobEvent_State{State: state},
		}
		if err := stream.Send(&computev1.StreamJobEventsResponse{Event: event}); err != nil {
			return err
		}
	}
	return nil
}
