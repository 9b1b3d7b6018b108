package edgemesh

import (
	"context"
	"encoding/json"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// An Algorithm is something that the mesh can compute.
type Algorithm struct {
	Name, Version, Description string
	// Executor offers it.
	Executor string
	// ParametersSchema and ResultSchema are JSON Schemas; nil: there are none.
	ParametersSchema, ResultSchema json.RawMessage
	Inputs, Outputs                []TensorSpec
	// Streams says whether ComputeStream tells of anything before the result.
	Streams bool
	// Idempotent says whether it may run twice without harm.
	Idempotent bool
	// DefaultRunTime is that of requests that name none.
	DefaultRunTime time.Duration
	// Capabilities are what a request may ask for.
	Capabilities []string
}

// A TensorSpec is what a tensor must be.
type TensorSpec struct {
	Name, Description string
	// DTypes that are taken; empty: any.
	DTypes []DType
	// Shape has -1 for any length; AnyRank: any number of dimensions.
	Shape    []int64
	AnyRank  bool
	Required bool
}

// Algorithms are those that the caller may run, of one namespace, or of all where it is empty.
func (c *Client) Algorithms(ctx context.Context, namespace string) ([]Algorithm, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	request := &computev1.ListAlgorithmsRequest{Namespace: namespace}
	answer, err := unary(ctx, c, c.algorithms.ListAlgorithms, request, true)
	if err != nil {
		return nil, err
	}
	found := make([]Algorithm, 0, len(answer.GetAlgorithms()))
	for _, offered := range answer.GetAlgorithms() {
		found = append(found, readAlgorithm(offered))
	}
	return found, nil
}

// Algorithm is one of them. Where there is none the error has the nearest names.
func (c *Client) Algorithm(ctx context.Context, name string) (Algorithm, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	request := &computev1.GetAlgorithmRequest{Name: name}
	answer, err := unary(ctx, c, c.algorithms.GetAlgorithm, request, true)
	if err != nil {
		return Algorithm{}, err
	}
	return readAlgorithm(answer.GetAlgorithm()), nil
}

func readAlgorithm(offered *computev1.OfferedAlgorithm) Algorithm {
	told := offered.GetAlgorithm()
	return Algorithm{
		Name:             told.GetName(),
		Version:          told.GetVersion(),
		Description:      told.GetDescription(),
		Executor:         offered.GetExecutor(),
		ParametersSchema: schema(told.GetParametersSchema()),
		ResultSchema:     schema(told.GetResultSchema()),
		Inputs:           readSpecs(told.GetInputs()),
		Outputs:          readSpecs(told.GetOutputs()),
		Streams:          told.GetStreams(),
		Idempotent:       told.GetIdempotent(),
		DefaultRunTime:   time.Duration(told.GetDefaultRunTimeMs()) * time.Millisecond,
		Capabilities:     told.GetCapabilities(),
	}
}

func readSpecs(told []*computev1.TensorSpec) []TensorSpec {
	specs := make([]TensorSpec, 0, len(told))
	for _, each := range told {
		spec := TensorSpec{
			Name:        each.GetName(),
			Description: each.GetDescription(),
			Shape:       each.GetShape(),
			AnyRank:     each.GetAnyRank(),
			Required:    each.GetRequired(),
		}
		for _, number := range each.GetDtypes() {
			spec.DTypes = append(spec.DTypes, dtypes[number])
		}
		specs = append(specs, spec)
	}
	return specs
}

func schema(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}
