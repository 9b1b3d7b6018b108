package edgemesh

import (
	"fmt"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// An Event is what happens while work runs: a [Text], [Token], [Progress] or [Partial], and last the
// *[Result].
type Event interface{ event() }

// A Text was printed.
type Text struct {
	Text   string
	Stderr bool
}

// A Token was made by a language model.
type Token struct {
	Text string
	ID   uint32
	// Logprob is the natural logarithm of its probability; nil: not known.
	Logprob *float32
}

// A Progress is how far the work is, from 0 to 1.
type Progress struct {
	Fraction float64
	Message  string
}

// A Partial is an output that is ready before the end.
type Partial struct {
	Name   string
	Tensor *Tensor
}

func (Text) event()     {}
func (Token) event()    {}
func (Progress) event() {}
func (Partial) event()  {}
func (*Result) event()  {}

// readEvent reads an event of the contract; nil for one of a kind that is not known here.
func readEvent(told *computev1.ComputeEvent) (Event, error) {
	switch event := told.GetEvent().(type) {
	case *computev1.ComputeEvent_Output:
		stderr := event.Output.GetStream() == computev1.OutputStream_OUTPUT_STREAM_STDERR
		return Text{event.Output.GetText(), stderr}, nil
	case *computev1.ComputeEvent_Token:
		return Token{event.Token.GetText(), event.Token.GetId(), event.Token.Logprob}, nil
	case *computev1.ComputeEvent_Progress:
		return Progress{event.Progress.GetFraction(), event.Progress.GetMessage()}, nil
	case *computev1.ComputeEvent_Tensor:
		tensor, err := fromWire(event.Tensor.GetTensor())
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", event.Tensor.GetName(), err)
		}
		return Partial{event.Tensor.GetName(), tensor}, nil
	case *computev1.ComputeEvent_Response:
		result, err := checked(event.Response)
		if result == nil {
			return nil, err
		}
		return result, err
	}
	return nil, nil
}
