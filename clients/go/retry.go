package edgemesh

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

// Retries say how often, and after what, a call that did not begin is made again.
//
// Waits are what the mesh asks for (RetryInfo), or else First, doubled each time, at most Most, less
// up to half of it at random. None is made that would end after the context's deadline. All calls of
// a client share the budget: a retry takes 1 of it, a call that ends well gives 0.1 back; where it is
// spent, errors come back at once.
type Retries struct {
	// Attempts in all, the first included; 1: no retries.
	Attempts int
	First    time.Duration
	Most     time.Duration
	Budget   float64
}

// DefaultRetries are those of a client that is told nothing else.
var DefaultRetries = Retries{
	Attempts: 4, First: 100 * time.Millisecond, Most: 5 * time.Second, Budget: 10,
}

const givenBack = 0.1

// retrier is a client's retries, and what is left of their budget.
type retrier struct {
	Retries
	mutex sync.Mutex
	left  float64
}

func newRetrier(retries Retries) *retrier {
	return &retrier{Retries: retries, left: retries.Budget}
}

// again waits until the next attempt; where there is to be none it gives the error.
func (r *retrier) again(ctx context.Context, err error, attempt int, safe bool) error {
	var refused *RefusedError
	if !errors.As(err, &refused) || attempt+1 >= r.Attempts || !mayRetry(refused, safe) {
		return err
	}
	wait := r.pause(refused, attempt)
	if ends, bounded := ctx.Deadline(); bounded && time.Until(ends) <= wait {
		return err
	}
	if !r.take() {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fromStatus(status.FromContextError(ctx.Err()))
	}
}

func (r *retrier) pause(refused *RefusedError, attempt int) time.Duration {
	if refused.RetryAfter > 0 {
		return refused.RetryAfter
	}
	doubled := r.First
	for range attempt {
		doubled = min(2*doubled, r.Most)
	}
	return time.Duration(float64(doubled) * (0.5 + rand.Float64()/2))
}

func (r *retrier) take() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

// well tells that a call has ended well.
func (r *retrier) well() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.left = min(r.Budget, r.left+givenBack)
}
