package edgemesh

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"iter"
	"strings"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// A JobState is where a job is; job.proto draws the ways between them.
type JobState string

// The states that there are.
const (
	JobQueued    JobState = "QUEUED"
	JobRunning   JobState = "RUNNING"
	JobSucceeded JobState = "SUCCEEDED"
	JobFailed    JobState = "FAILED"
	JobCancelled JobState = "CANCELLED"
	JobLost      JobState = "LOST"
	JobDead      JobState = "DEAD"
	JobExpired   JobState = "EXPIRED"
)

// Ended says whether it is a state that a job stays in.
func (s JobState) Ended() bool { return s != JobQueued && s != JobRunning }

// JobOptions concern jobs alone; the zero value is the mesh's defaults.
type JobOptions struct {
	// RequestID makes it one job however often it is submitted, as long as it is kept; empty: one is
	// made, for the retries of this submission.
	RequestID string
	// MaxAttempts is how often it may be begun.
	MaxAttempts uint32
	// AttemptTimeout bounds an attempt, and Timeout the whole, waiting included.
	AttemptTimeout, Timeout time.Duration
	// ResultTTL is how long it is kept after its end.
	ResultTTL time.Duration
	// Idempotent says that it may run more than once, whatever its algorithm says.
	Idempotent bool
	// WebhookURL is told of its end, where the mesh's operator allows it.
	WebhookURL string
}

// JobInfo is what a job is now.
type JobInfo struct {
	ID, RequestID, Algorithm string
	State                    JobState
	// Cancelling says whether its end was asked for.
	Cancelling            bool
	Attempts, MaxAttempts uint32
	// Times that have not come are zero.
	Created, Started, Ended, Expires time.Time
	// LastEvent is the sequence of its newest event.
	LastEvent uint64
}

// A Job is work that is done though nobody waits for it. It is only a name: the mesh has the rest.
type Job struct {
	ID     string
	client *Client
}

// Submit hands in a job; when it returns the job is on disk.
func (c *Client) Submit(ctx context.Context, request Request, options JobOptions) (*Job, error) {
	message, err := request.wire()
	if err != nil {
		return nil, err
	}
	asked := &computev1.SubmitJobRequest{
		RequestId:        options.RequestID,
		MaxAttempts:      options.MaxAttempts,
		AttemptTimeoutMs: milliseconds(options.AttemptTimeout),
		TimeoutMs:        milliseconds(options.Timeout),
		ResultTtlMs:      milliseconds(options.ResultTTL),
		Idempotent:       options.Idempotent,
		Request:          message,
	}
	if asked.RequestId == "" {
		asked.RequestId = newName()
	}
	if options.WebhookURL != "" {
		asked.Webhook = &computev1.Webhook{Url: options.WebhookURL}
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	// With a request id it is one job, however often it is sent.
	answer, err := unary(ctx, c, c.jobs.SubmitJob, asked, true)
	if err != nil {
		return nil, err
	}
	return c.Job(answer.GetJob().GetId()), nil
}

// Job is the job of this id; the mesh is not asked.
func (c *Client) Job(id string) *Job { return &Job{ID: id, client: c} }

// Jobs are the tenant's, newest first: those in one of these states, or all.
func (c *Client) Jobs(ctx context.Context, states ...JobState) iter.Seq2[JobInfo, error] {
	return func(yield func(JobInfo, error) bool) {
		asked := &computev1.ListJobsRequest{}
		for _, state := range states {
			number := computev1.JobState_value["JOB_STATE_"+string(state)]
			asked.States = append(asked.States, computev1.JobState(number))
		}
		for {
			page, cancel := c.bound(ctx)
			answer, err := unary(page, c, c.jobs.ListJobs, asked, true)
			cancel()
			if err != nil {
				yield(JobInfo{}, err)
				return
			}
			for _, told := range answer.GetJobs() {
				if !yield(readJob(told), nil) {
					return
				}
			}
			if asked.PageToken = answer.GetNextPageToken(); asked.PageToken == "" {
				return
			}
		}
	}
}

// Info is what it is now.
func (j *Job) Info(ctx context.Context) (JobInfo, error) {
	ctx, cancel := j.client.bound(ctx)
	defer cancel()
	asked := &computev1.GetJobRequest{Id: j.ID}
	answer, err := unary(ctx, j.client, j.client.jobs.GetJob, asked, true)
	return readJob(answer.GetJob()), err
}

// Cancel asks for its end; one that has ended is left as it is.
func (j *Job) Cancel(ctx context.Context) error {
	ctx, cancel := j.client.bound(ctx)
	defer cancel()
	asked := &computev1.CancelJobRequest{Id: j.ID}
	_, err := unary(ctx, j.client, j.client.jobs.CancelJob, asked, true)
	return err
}

// Delete forgets one that has ended, with its result and events.
func (j *Job) Delete(ctx context.Context) error {
	ctx, cancel := j.client.bound(ctx)
	defer cancel()
	asked := &computev1.DeleteJobRequest{Id: j.ID}
	_, err := unary(ctx, j.client, j.client.jobs.DeleteJob, asked, false)
	return err
}

func readJob(told *computev1.Job) JobInfo {
	return JobInfo{
		ID:          told.GetId(),
		RequestID:   told.GetRequestId(),
		Algorithm:   told.GetAlgorithm(),
		State:       JobState(strings.TrimPrefix(told.GetState().String(), "JOB_STATE_")),
		Cancelling:  told.GetCancelling(),
		Attempts:    told.GetAttempts(),
		MaxAttempts: told.GetMaxAttempts(),
		Created:     moment(told.GetCreatedMs()),
		Started:     moment(told.GetStartedMs()),
		Ended:       moment(told.GetEndedMs()),
		Expires:     moment(told.GetExpiresMs()),
		LastEvent:   told.GetLastEvent(),
	}
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// newName is a name that nobody else has.
func newName() string {
	var bytes [16]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return hex.EncodeToString(bytes[:])
}
