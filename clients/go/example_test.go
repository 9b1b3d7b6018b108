package edgemesh_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/cmplx"
	"time"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
)

func ExampleClient_Compute() {
	client, err := edgemesh.Dial("") // EDGEMESH_ADDRESS, or 127.0.0.1:50051
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	result, err := client.Compute(ctx, edgemesh.Request{
		Algorithm:  "cpp.fft",
		Parameters: map[string]any{"norm": "ortho"},
		Inputs:     edgemesh.Tensors{"x": edgemesh.Vector([]float64{0, 1, 0, -1})},
	})
	if err != nil {
		log.Fatal(err)
	}
	y, err := edgemesh.Values[complex128](result.Outputs["y"])
	if err != nil {
		log.Fatal(err)
	}
	for _, value := range y {
		fmt.Printf("%.1f ", cmplx.Abs(value))
	}
	// Output: 0.0 1.0 0.0 1.0
}

func ExampleClient_ComputeStream() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	program := edgemesh.Python{Code: "for n in range(3): print(n)\n'the end'"}
	for event, err := range client.ComputeStream(context.Background(), program.Request()) {
		if err != nil {
			log.Fatal(err)
		}
		switch event := event.(type) {
		case edgemesh.Text:
			fmt.Print(event.Text)
		case *edgemesh.Result: // the last
			fmt.Println(string(event.JSON))
		}
	}
	// Output:
	// 0
	// 1
	// 2
	// "the end"
}

func ExampleClient_RunPython() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	result, err := client.RunPython(context.Background(), edgemesh.Python{
		Code:   "print('so far')\noutput = inputs['x'].mean() * inputs['times']",
		Inputs: map[string]any{"x": edgemesh.Vector([]float64{1, 2, 3}), "times": 10},
	})
	if err != nil {
		log.Fatal(err)
	}
	var mean float64
	if err := result.Decode(&mean); err != nil {
		log.Fatal(err)
	}
	fmt.Print(result.Stdout, mean)
	// Output:
	// so far
	// 20
}

func ExampleClient_Submit() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	work := edgemesh.Python{Code: "6 * 7"}.Request()
	job, err := client.Submit(ctx, work, edgemesh.JobOptions{Timeout: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	result, err := job.Wait(ctx) // or client.Job(id).Wait(ctx), elsewhere and later
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(result.JSON))
	// Output: 42
}

func ExampleClient_Session() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	session := client.Session("") // a new name
	defer session.Delete(ctx)
	if _, err := session.Run(ctx, edgemesh.Python{Code: "squares = [n * n for n in range(5)]"}); err != nil {
		log.Fatal(err)
	}
	result, err := session.Run(ctx, edgemesh.Python{Code: "sum(squares)"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(result.JSON))
	// Output: 30
}

func ExampleFailedError() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.RunPython(context.Background(), edgemesh.Python{Code: "print('so far'); 1 / 0"})
	var failed *edgemesh.FailedError
	if errors.As(err, &failed) {
		fmt.Print(failed.Result.Stdout, failed.Result.Failure.Type)
	}
	// Output:
	// so far
	// ZeroDivisionError
}

func ExampleRefusedError() {
	client, err := edgemesh.Dial("")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.Compute(context.Background(), edgemesh.Request{
		Algorithm:  "cpp.fft",
		Parameters: map[string]any{"norm": "loud"},
		Inputs:     edgemesh.Tensors{"x": edgemesh.Vector([]float64{0, 1, 0, -1})},
	})
	var refused *edgemesh.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Reason, refused.Violations[0].Field)
	}
	// Output: INVALID_PARAMETER parameters.norm
}
