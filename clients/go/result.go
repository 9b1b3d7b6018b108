package edgemesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// An Outcome is how work ended.
type Outcome string

// The outcomes that there are.
const (
	OK          Outcome = "OK"
	Exception   Outcome = "EXCEPTION"
	Exit        Outcome = "EXIT"
	Timeout     Outcome = "TIMEOUT"
	CPULimit    Outcome = "CPU_LIMIT"
	MemoryLimit Outcome = "MEMORY_LIMIT"
	OutputLimit Outcome = "OUTPUT_LIMIT"
	CallLimit   Outcome = "CALL_LIMIT"
	Crash       Outcome = "CRASH"
	Cancelled   Outcome = "CANCELLED"
)

// A Result is what came of one piece of work.
type Result struct {
	Outcome Outcome
	// JSON is the result itself; nil where an algorithm gives tensors alone.
	JSON json.RawMessage
	// Outputs are the algorithm's tensors by name.
	Outputs Tensors
	// Stdout and Stderr are what was printed.
	Stdout, Stderr string
	// Failure is there unless the outcome is OK.
	Failure *Failure
	Usage   Usage
	// Algorithm is what ran, with its version.
	Algorithm string
	RequestID string
	// Capabilities are those that were granted.
	Capabilities []string
}

// Decode reads the JSON result as [json.Unmarshal] does. What of Python's values JSON lacks comes as
// an object with the key "$type"; an array that is the whole result is Outputs["output"].
func (r *Result) Decode(into any) error {
	if r.JSON == nil {
		return errors.New("edgemesh: there is no JSON result; see Outputs")
	}
	return json.Unmarshal(r.JSON, into)
}

// A Failure is why work did not end well.
type Failure struct {
	// Type is its kind, e.g. "ZeroDivisionError", "TimeLimit".
	Type    string
	Message string
	// Traceback has the program's own frames.
	Traceback string
	// Signal ended the worker; 0: none.
	Signal int
	// ExitCode is the status with which it ended.
	ExitCode int
	// Limit is the field of Limits that was passed, e.g. "run_time_ms", and LimitValue its value.
	Limit      string
	LimitValue uint64
	// Notes were added to the exception.
	Notes []string
	// Exceptions are the members of a group of them.
	Exceptions []*Failure
}

// Usage is what work used.
type Usage struct {
	Queue, Run, Total, CPU time.Duration
	Fuel                   uint64
	PeakMemoryBytes        uint64
	Executor, Version      string
	// InputTokens and OutputTokens are a language model's.
	InputTokens, OutputTokens uint64
}

// checked reads a response; work that did not end well is an error too.
func checked(response *computev1.ComputeResponse) (*Result, error) {
	result, err := readResult(response)
	if err == nil && result.Outcome != OK {
		err = &FailedError{result}
	}
	return result, err
}

func readResult(response *computev1.ComputeResponse) (*Result, error) {
	result := &Result{
		Outcome:      Outcome(strings.TrimPrefix(response.GetOutcome().String(), "OUTCOME_")),
		Outputs:      make(Tensors, len(response.GetOutputs())),
		Stdout:       response.GetStdout(),
		Stderr:       response.GetStderr(),
		Failure:      readFailure(response.GetFailure()),
		Usage:        readUsage(response.GetUsage()),
		Algorithm:    response.GetAlgorithm(),
		RequestID:    response.GetRequestId(),
		Capabilities: response.GetCapabilities(),
	}
	if response.GetResult() != "" {
		result.JSON = json.RawMessage(response.GetResult())
	}
	for name, told := range response.GetOutputs() {
		tensor, err := fromWire(told)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
		result.Outputs[name] = tensor
	}
	return result, nil
}

func readFailure(told *computev1.Failure) *Failure {
	if told == nil {
		return nil
	}
	failure := &Failure{
		Type:       told.GetType(),
		Message:    told.GetMessage(),
		Traceback:  told.GetTraceback(),
		Signal:     int(told.GetSignal()),
		ExitCode:   int(told.GetExitCode()),
		Limit:      told.GetLimit().GetName(),
		LimitValue: told.GetLimit().GetValue(),
		Notes:      told.GetNotes(),
	}
	for _, each := range told.GetExceptions() {
		failure.Exceptions = append(failure.Exceptions, readFailure(each))
	}
	return failure
}

func readUsage(told *computev1.Usage) Usage {
	microseconds := func(us uint64) time.Duration { return time.Duration(us) * time.Microsecond }
	return Usage{
		Queue:           microseconds(told.GetQueueUs()),
		Run:             microseconds(told.GetRunUs()),
		Total:           microseconds(told.GetTotalUs()),
		CPU:             microseconds(told.GetCpuUs()),
		Fuel:            told.GetFuel(),
		PeakMemoryBytes: told.GetPeakMemoryBytes(),
		Executor:        told.GetExecutor(),
		Version:         told.GetVersion(),
		InputTokens:     told.GetInputTokens(),
		OutputTokens:    told.GetOutputTokens(),
	}
}
