package edgemesh

import (
	"context"
	"iter"
	"strings"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// patience is how long the mesh is asked to wait at a time: connections that are silent for long are
// cut by what lies between.
const patience = 20 * time.Second

// Wait waits for a job's end, for as long as the context lasts and whatever the client's timeout is,
// and gives its result. A job that ended otherwise than OK is a [FailedError]; one without a
// response (cancelled, expired, refused when it was its turn) a [RefusedError].
func (j *Job) Wait(ctx context.Context) (*Result, error) {
	for {
		job, err := j.wait(ctx)
		if err != nil {
			return nil, err
		}
		if !readJob(job).State.Ended() {
			continue
		}
		switch result := job.GetResult().(type) {
		case *computev1.Job_Response:
			return checked(result.Response)
		case *computev1.Job_Error:
			return nil, fromJob(result.Error)
		}
		return &Result{}, nil // an end without either is none of the contract's
	}
}

func (j *Job) wait(ctx context.Context) (*computev1.Job, error) {
	asked := &computev1.WaitJobRequest{Id: j.ID, TimeoutMs: milliseconds(patience)}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	answer, err := unary(ctx, j.client, j.client.jobs.WaitJob, asked, true)
	return answer.GetJob(), err
}

// A JobEvent is one thing that happened to a job: it came into a state, or its work told something.
type JobEvent struct {
	// Sequence is 1, 2, 3, … within a job, without gaps.
	Sequence uint64
	At       time.Time
	// Attempt is in which; 0: before the first.
	Attempt uint32
	// State is set where it came into one; otherwise Work is.
	State JobState
	// Work is a [Text], [Token], [Progress] or [Partial].
	Work Event
}

// Events are what happened to a job after that sequence (0: all), and then what happens, until its
// end or the context's. Where the connection is cut it goes on after the last that was seen.
func (j *Job) Events(ctx context.Context, after uint64) iter.Seq2[JobEvent, error] {
	return func(yield func(JobEvent, error) bool) {
		for again := true; again; {
			again = j.follow(ctx, &after, yield)
		}
	}
}

// follow yields events of one connection, and says whether another is to go on with those after.
func (j *Job) follow(ctx context.Context, after *uint64, yield func(JobEvent, error) bool) bool {
	asked := &computev1.StreamJobEventsRequest{Id: j.ID, AfterSequence: *after}
	client := j.client
	for told, err := range stream(ctx, client, client.jobs.StreamJobEvents, asked, true) {
		if err != nil {
			if status.Code(err) == codes.Unavailable && *after > asked.AfterSequence {
				return true
			}
			yield(JobEvent{}, err)
			return false
		}
		event, err := readJobEvent(told.GetEvent())
		if !yield(event, err) || err != nil {
			return false
		}
		*after = event.Sequence
	}
	return false
}

func readJobEvent(told *computev1.JobEvent) (JobEvent, error) {
	event := JobEvent{
		Sequence: told.GetSequence(), At: moment(told.GetAtMs()), Attempt: told.GetAttempt(),
	}
	switch each := told.GetEvent().(type) {
	case *computev1.JobEvent_State:
		event.State = JobState(strings.TrimPrefix(each.State.String(), "JOB_STATE_"))
	case *computev1.JobEvent_Work:
		work, err := readEvent(each.Work)
		if err != nil {
			return event, err
		}
		event.Work = work
	}
	return event, nil
}
