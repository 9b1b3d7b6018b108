// A first request on the generated stubs: what is there, a Fourier transform, and a refusal.
//
//	go run . [HOST:PORT]
//
// Prints the very lines that clients/python/example prints.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/cmplx"
	"os"
	"strings"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

const patience = 10 * time.Second

func main() {
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if err := run(address); err != nil {
		fmt.Fprintln(os.Stderr, strings.Join(explain(err), "\n"))
		os.Exit(1)
	}
}

// run makes three requests.
func run(address string) error {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer channel.Close()
	ctx := context.Background()
	if err := listAlgorithms(ctx, computev1.NewAlgorithmServiceClient(channel)); err != nil {
		return err
	}
	compute := computev1.NewComputeServiceClient(channel)
	if err := transform(ctx, compute, []float64{0, 1, 2, 3, 4, 3, 2, 1}); err != nil {
		return err
	}
	return refused(ctx, compute)
}

// listAlgorithms prints what the mesh can compute.
func listAlgorithms(ctx context.Context, algorithms computev1.AlgorithmServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := algorithms.ListAlgorithms(ctx, &computev1.ListAlgorithmsRequest{})
	if err != nil {
		return err
	}
	for _, offered := range response.Algorithms {
		algorithm := offered.Algorithm
		fmt.Printf("%s@%s by %s\n", algorithm.Name, algorithm.Version, offered.Executor)
	}
	return nil
}

// transform prints the spectrum of a real series.
func transform(ctx context.Context, compute computev1.ComputeServiceClient, x []float64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var data bytes.Buffer
	if err := binary.Write(&data, binary.LittleEndian, x); err != nil {
		return err
	}
	response, err := compute.Compute(ctx, &computev1.ComputeRequest{
		Algorithm: "cpp.fft",
		Inputs: map[string]*computev1.Tensor{"x": {
			Dtype:   computev1.DataType_DATA_TYPE_FLOAT64,
			Shape:   []int64{int64(len(x))},
			Storage: &computev1.Tensor_Data{Data: data.Bytes()},
		}},
	})
	if err != nil {
		return err
	}
	if response.Outcome != computev1.Outcome_OUTCOME_OK {
		// The algorithm's own failure is a result, not an RPC error.
		failure := response.GetFailure()
		fmt.Printf("%s: %s: %s\n", response.Outcome, failure.GetType(), failure.GetMessage())
		return nil
	}
	tensor := response.Outputs["y"]
	y := make([]complex128, len(tensor.GetData())/16)
	if err := binary.Read(bytes.NewReader(tensor.GetData()), binary.LittleEndian, y); err != nil {
		return err
	}
	fmt.Printf("%s: %s\n", response.Algorithm, strings.ReplaceAll(fmt.Sprint(tensor.Shape), " ", ", "))
	for k, value := range y {
		fmt.Printf("%3d %12.6f\n", k, cmplx.Abs(value))
	}
	return nil
}

// refused asks for something impossible and prints why it was refused.
func refused(ctx context.Context, compute computev1.ComputeServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := compute.Compute(ctx, &computev1.ComputeRequest{
		Algorithm:  "cpp.fft",
		Parameters: `{"norm": "loud"}`,
	})
	if err != nil {
		fmt.Println(strings.Join(explain(err), "\n"))
	}
	return nil
}

// explain tells what an RPC's failure says: its code and, from the mesh, reason and fields.
func explain(err error) []string {
	failed, _ := status.FromError(err)
	lines := []string{fmt.Sprintf("%s: %s", code.Code(failed.Code()), failed.Message())}
	for _, detail := range failed.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			lines = append(lines, "  reason "+detail.Reason)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				lines = append(lines, fmt.Sprintf("  %s: %s", violation.Field, violation.Description))
			}
		}
	}
	return lines
}
