package edgemesh_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
	"google.golang.org/grpc/codes"
)

// meshClient is a client of the running mesh.
func meshClient(t *testing.T, options ...edgemesh.Option) *edgemesh.Client {
	t.Helper()
	client, err := edgemesh.Dial("", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestMeshTransformsAMatrix(t *testing.T) {
	client := meshClient(t)
	x, err := edgemesh.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	forward, err := client.Compute(t.Context(), edgemesh.Request{
		Algorithm: "cpp.fft", Inputs: edgemesh.Tensors{"x": x},
	})
	if err != nil {
		t.Fatal(err)
	}
	back, err := client.Compute(t.Context(), edgemesh.Request{
		Algorithm: "cpp.ifft", Inputs: edgemesh.Tensors{"x": forward.Outputs["y"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	y, err := edgemesh.Values[complex64](back.Outputs["y"])
	if err != nil || !slices.Equal(back.Outputs["y"].Shape(), []int{2, 3}) {
		t.Fatal(back.Outputs["y"], err)
	}
	for at, value := range y {
		if math.Abs(float64(real(value))-float64(at+1)) > 1e-5 {
			t.Errorf("element %d is %v", at, value)
		}
	}
}

func TestMeshNamesTheFieldThatIsWrong(t *testing.T) {
	client := meshClient(t)
	_, err := client.Compute(t.Context(), edgemesh.Request{
		Algorithm:  "cpp.fft",
		Parameters: map[string]string{"norm": "loud"},
		Inputs:     edgemesh.Tensors{"x": edgemesh.Vector([]float64{1, 2})},
	})
	var refused *edgemesh.RefusedError
	if !errors.As(err, &refused) || refused.Reason != "INVALID_PARAMETER" {
		t.Fatal(err)
	}
	if len(refused.Violations) != 1 || refused.Violations[0].Field != "parameters.norm" {
		t.Errorf("%+v", refused.Violations)
	}
	if _, err = client.Algorithm(t.Context(), "cpp.fff"); !errors.As(err, &refused) ||
		refused.Reason != "UNKNOWN_ALGORITHM" {
		t.Error(err)
	}
}

func TestMeshKnowsItsCallers(t *testing.T) {
	client := meshClient(t, edgemesh.WithAPIKey("em_wrong"))
	_, err := client.Compute(t.Context(), edgemesh.Python{Code: "1"}.Request())
	var refused *edgemesh.RefusedError
	if !errors.As(err, &refused) || refused.Code != codes.Unauthenticated {
		t.Error(err)
	}
}

func TestMeshRunsPythonWithinLimits(t *testing.T) {
	client := meshClient(t)
	result, err := client.RunPython(t.Context(), edgemesh.Python{
		Code:   "while True: pass",
		Limits: edgemesh.Limits{RunTime: 300 * time.Millisecond},
	})
	var failed *edgemesh.FailedError
	if !errors.As(err, &failed) || result.Outcome != edgemesh.Timeout {
		t.Fatalf("%v: %+v", err, result)
	}
	if result.Failure.Limit != "run_time_ms" || result.Failure.LimitValue != 300 {
		t.Errorf("%+v", result.Failure)
	}
}

func TestMeshGivesPythonsArrays(t *testing.T) {
	client := meshClient(t)
	result, err := client.RunPython(t.Context(), edgemesh.Python{
		Code: "output = inputs['x'] * inputs['times']",
		Inputs: map[string]any{
			"x": edgemesh.Vector([]float64{1, 2}), "times": 3,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	values, err := edgemesh.Values[float64](result.Outputs["output"])
	if err != nil || !slices.Equal(values, []float64{3, 6}) {
		t.Errorf("%v %v", values, err)
	}
}

func TestMeshSessions(t *testing.T) {
	client, ctx := meshClient(t), t.Context()
	session := client.Session("")
	run := func(in *edgemesh.Session, code string) {
		t.Helper()
		if _, err := in.Run(ctx, edgemesh.Python{Code: code}); err != nil {
			t.Fatal(err)
		}
	}
	call := func(in *edgemesh.Session, expected int) {
		t.Helper()
		result, err := in.Call(ctx, "f", 2)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := result.Decode(&n); err != nil || n != expected {
			t.Errorf("f(2) is %d instead of %d (%v)", n, expected, err)
		}
	}
	run(session, "def f(n): return n + x\nx = 1")
	call(session, 3)
	fork, err := session.Fork(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	run(fork, "x = 10")
	call(fork, 12)
	if _, err := fork.Undo(ctx, 2); err != nil {
		t.Fatal(err)
	}
	call(fork, 3)
	data, err := session.Export(ctx)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := client.ImportSession(ctx, "", data)
	if err != nil {
		t.Fatal(err)
	}
	call(copied, 3)
	variables, err := session.Variables(ctx)
	if err != nil || !slices.ContainsFunc(variables, func(v edgemesh.Variable) bool {
		return v.Name == "x" && v.Type == "int"
	}) {
		t.Errorf("%+v %v", variables, err)
	}
	var names []string
	for info, err := range client.Sessions(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	for _, each := range []*edgemesh.Session{session, fork, copied, session} {
		if !slices.Contains(names, each.Name) {
			t.Errorf("%s is not among %v", each.Name, names)
		}
		if err := each.Delete(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := session.Info(ctx); err == nil {
		t.Error("it is still there")
	}
}

func TestMeshJobs(t *testing.T) {
	client, ctx := meshClient(t), t.Context()
	work := edgemesh.Python{Code: "for n in range(3): print(n)\n6 * 7"}.Request()
	job, err := client.Submit(ctx, work, edgemesh.JobOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var printed string
	var states []edgemesh.JobState
	for event, err := range job.Events(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if text, is := event.Work.(edgemesh.Text); is {
			printed += text.Text
		} else if event.State != "" {
			states = append(states, event.State)
		}
	}
	ways := []edgemesh.JobState{edgemesh.JobQueued, edgemesh.JobRunning, edgemesh.JobSucceeded}
	if printed != "0\n1\n2\n" || !slices.Equal(states, ways) {
		t.Errorf("%q, %v", printed, states)
	}
	result, err := job.Wait(ctx)
	if err != nil || string(result.JSON) != "42" {
		t.Errorf("%+v %v", result, err)
	}
	for info, err := range client.Jobs(ctx, edgemesh.JobSucceeded) {
		if err != nil || info.ID != job.ID || info.Ended.IsZero() {
			t.Errorf("%+v %v", info, err)
		}
		break
	}
	if err := job.Delete(ctx); err != nil {
		t.Error(err)
	}
	if _, err := job.Info(ctx); err == nil {
		t.Error("it is still there")
	}
}

func TestMeshCancelsAJob(t *testing.T) {
	client, ctx := meshClient(t), t.Context()
	work := edgemesh.Python{Code: "while True: pass"}.Request()
	job, err := client.Submit(ctx, work, edgemesh.JobOptions{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := job.Wait(ctx); err == nil {
		t.Error("work without an end has ended well")
	}
	if info, err := job.Info(ctx); err != nil || info.State != edgemesh.JobCancelled {
		t.Errorf("%+v %v", info, err)
	}
}
