package edgemesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// A Request is one piece of work.
type Request struct {
	// Algorithm is "<namespace>.<name>", with "@<version>" for one that is not the newest.
	Algorithm string
	// Parameters become a JSON object: a map, a struct, a [json.RawMessage]; nil: none.
	Parameters any
	// Inputs are the algorithm's tensors by name.
	Inputs Tensors
	// Session is one that the work goes on in; see [Client.Session].
	Session string
	// Priority is the class in the queues; empty: [Interactive].
	Priority Priority
	// Limits are tighter ones than the executor's own.
	Limits Limits
	// Capabilities are what sandboxed code may reach beyond its box, e.g. "call:cpp.*".
	Capabilities []string
	// RequestID appears in logs; the mesh makes one where it is empty.
	RequestID string
}

// A Priority is a class of waiting work.
type Priority string

// The classes that there are.
const (
	Realtime    Priority = "realtime"
	Interactive Priority = "interactive"
	Batch       Priority = "batch"
)

var priorities = map[Priority]computev1.Priority{
	"":          computev1.Priority_PRIORITY_UNSPECIFIED,
	Realtime:    computev1.Priority_PRIORITY_REALTIME,
	Interactive: computev1.Priority_PRIORITY_INTERACTIVE,
	Batch:       computev1.Priority_PRIORITY_BATCH,
}

// Limits are what work may use; 0: the executor's default.
type Limits struct {
	// RunTime is how long it may run, without the time that it waits; whole milliseconds.
	RunTime time.Duration
	// CPU is its time on processors; whole milliseconds.
	CPU time.Duration
	// MemoryBytes may be added to its worker.
	MemoryBytes uint64
	// OutputBytes are of stdout, stderr and result together.
	OutputBytes uint64
	// Calls back into the mesh that sandboxed code may make.
	Calls uint32
	// Fuel is about one for each instruction of WebAssembly.
	Fuel uint64
	// FilesBytes are of files that sandboxed code may hold.
	FilesBytes uint64
}

func (l Limits) wire() *computev1.Limits {
	if l == (Limits{}) {
		return nil
	}
	return &computev1.Limits{
		RunTimeMs:   milliseconds(l.RunTime),
		CpuMs:       milliseconds(l.CPU),
		MemoryBytes: l.MemoryBytes,
		OutputBytes: l.OutputBytes,
		Calls:       l.Calls,
		Fuel:        l.Fuel,
		FilesBytes:  l.FilesBytes,
	}
}

// milliseconds rounds up: less than one is not none.
func milliseconds(duration time.Duration) uint64 {
	return uint64((max(duration, 0) + time.Millisecond - 1) / time.Millisecond)
}

// wire is the contract's message. The error is about what has no form in it.
func (r Request) wire() (*computev1.ComputeRequest, error) {
	priority, known := priorities[r.Priority]
	if !known {
		return nil, fmt.Errorf("edgemesh: a priority is realtime, interactive or batch, not %q", r.Priority)
	}
	parameters, err := object(r.Parameters)
	if err != nil {
		return nil, err
	}
	message := &computev1.ComputeRequest{
		RequestId:    r.RequestID,
		Algorithm:    r.Algorithm,
		Priority:     priority,
		SessionId:    r.Session,
		Limits:       r.Limits.wire(),
		Capabilities: r.Capabilities,
		Parameters:   parameters,
		Inputs:       make(map[string]*computev1.Tensor, len(r.Inputs)),
	}
	for name, tensor := range r.Inputs {
		if tensor == nil {
			return nil, &TensorError{fmt.Sprintf("input %q is nil", name)}
		}
		message.Inputs[name] = tensor.wire()
	}
	return message, nil
}

// object is JSON text of an object; empty for nil.
func object(parameters any) (string, error) {
	if parameters == nil {
		return "", nil
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return "", fmt.Errorf("edgemesh: parameters: %w", err)
	}
	if bytes.Equal(text, []byte("null")) {
		return "", nil
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		return "", fmt.Errorf("edgemesh: parameters are an object, not %T", parameters)
	}
	return string(text), nil
}
