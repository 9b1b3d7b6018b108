package edgemesh

import "context"

// Python is a program for the sandbox: its output comes back as the result, and what it prints as
// text. Request makes what [Client.Compute], [Client.ComputeStream] and [Client.Submit] take of it.
type Python struct {
	// Code is the program. What it assigns to output, or its last expression, is the result; an array
	// comes as Outputs["output"].
	Code string
	// Inputs are what the program finds in inputs: a *[Tensor] as an array, or bytes; all else as
	// JSON has it.
	Inputs map[string]any
	// Environment is the id of one that was made; empty: none.
	Environment string
	// Stdin is what the program reads there.
	Stdin string
	// The rest is as in [Request].
	Session      string
	Priority     Priority
	Limits       Limits
	Capabilities []string
}

// Request is the program as work for python.run.
func (p Python) Request() Request {
	parameters := map[string]any{"code": p.Code}
	if p.Environment != "" {
		parameters["environment"] = p.Environment
	}
	if p.Stdin != "" {
		parameters["stdin"] = p.Stdin
	}
	tensors, values := Tensors{}, map[string]any{}
	for name, value := range p.Inputs {
		if tensor, is := value.(*Tensor); is {
			tensors[name] = tensor
		} else {
			values[name] = value
		}
	}
	if len(values) > 0 {
		parameters["inputs"] = values
	}
	return Request{
		Algorithm:    "python.run",
		Parameters:   parameters,
		Inputs:       tensors,
		Session:      p.Session,
		Priority:     p.Priority,
		Limits:       p.Limits,
		Capabilities: p.Capabilities,
	}
}

// RunPython runs a program in the sandbox.
func (c *Client) RunPython(ctx context.Context, program Python) (*Result, error) {
	return c.Compute(ctx, program.Request())
}
