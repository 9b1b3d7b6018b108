package edgemesh_test

import (
	"context"
	"errors"
	"testing"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
	"google.golang.org/grpc/codes"
)

func TestAStreamEndsWithItsResult(t *testing.T) {
	client, _ := dialed(t)
	var printed string
	var last edgemesh.Event
	for event, err := range client.ComputeStream(t.Context(), edgemesh.Request{Algorithm: "test.echo"}) {
		if err != nil {
			t.Fatal(err)
		}
		if text, is := event.(edgemesh.Text); is {
			printed += text.Text
		}
		last = event
	}
	if result, is := last.(*edgemesh.Result); printed != "abc" || !is || result.Outcome != edgemesh.OK {
		t.Errorf("printed %q, and last %v", printed, last)
	}
}

func TestAStreamOfWorkThatFails(t *testing.T) {
	client, _ := dialed(t)
	var failed *edgemesh.FailedError
	var last edgemesh.Event
	for event, err := range client.ComputeStream(t.Context(), edgemesh.Python{Code: "1 / 0"}.Request()) {
		errors.As(err, &failed)
		last = event
	}
	if failed == nil || last != failed.Result {
		t.Errorf("%v, and last %v", failed, last)
	}
}

func TestWhoLeavesTheLoopEndsTheWork(t *testing.T) {
	client, mesh := dialed(t)
	for range client.ComputeStream(t.Context(), edgemesh.Request{Algorithm: "test.forever"}) {
		break
	}
	<-mesh.ended
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	for _, err := range client.ComputeStream(ctx, edgemesh.Request{Algorithm: "test.forever"}) {
		cancel()
		ended = err
	}
	<-mesh.ended
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("it ended with %v", ended)
	}
}

func TestAJobIsWaitedForAsLongAsItTakes(t *testing.T) {
	client, mesh := dialed(t)
	mesh.refuse(refusal(codes.Unavailable, "STORE_AWAY", 1))
	asked := edgemesh.Request{Algorithm: "test.echo", Parameters: map[string]int{"n": 1}}
	job, err := client.Submit(t.Context(), asked, edgemesh.JobOptions{})
	if err != nil {
		t.Fatal(err)
	}
	result, err := job.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := result.Decode(&n); err != nil || n != 42 {
		t.Errorf("%d, %v", n, err)
	}
	_, err = client.Job("test.cancelled").Wait(t.Context())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a job that was cancelled: %v", err)
	}
}

func TestEventsGoOnWhereTheyWereCutOff(t *testing.T) {
	client, _ := dialed(t)
	var states []edgemesh.JobState
	for event, err := range client.Job("test.echo").Events(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, event.State)
	}
	if len(states) != 3 || states[2] != edgemesh.JobSucceeded {
		t.Errorf("%v", states)
	}
}
