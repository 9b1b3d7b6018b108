package edgemesh_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	edgemesh "github.com/edgemesh/edgemesh/clients/go"
)

// there sends elements to the mesh and back, and gives what came.
func there[T edgemesh.Element](t *testing.T, client *edgemesh.Client, dtype edgemesh.DType, values ...T) {
	t.Helper()
	asked := edgemesh.Request{
		Algorithm: "test.echo", Inputs: edgemesh.Tensors{"x": edgemesh.Vector(values)},
	}
	result, err := client.Compute(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	x := result.Outputs["x"]
	back, err := edgemesh.Values[T](x)
	if err != nil || !slices.Equal(back, values) || x.DType() != dtype || x.Len() != len(values) {
		t.Errorf("%v of %v came back as %v (%v)", values, x, back, err)
	}
}

func TestElementsThereAndBack(t *testing.T) {
	client, _ := dialed(t)
	there(t, client, edgemesh.Bool, true, false)
	there(t, client, edgemesh.Int64, 1, -1, math.MaxInt64)
	there(t, client, edgemesh.Int8, int8(-128), 127)
	there(t, client, edgemesh.Int16, int16(-32768), 1)
	there(t, client, edgemesh.Int32, int32(math.MinInt32), 1)
	there(t, client, edgemesh.Int64, int64(math.MinInt64), 1)
	there(t, client, edgemesh.Uint8, uint8(0), 255)
	there(t, client, edgemesh.Uint16, uint16(0), 65535)
	there(t, client, edgemesh.Uint32, uint32(math.MaxUint32))
	there(t, client, edgemesh.Uint64, uint64(math.MaxUint64))
	there(t, client, edgemesh.Float32, float32(1.5), float32(math.Inf(-1)))
	there(t, client, edgemesh.Float64, 1.5, math.Inf(1), math.SmallestNonzeroFloat64)
	there(t, client, edgemesh.Complex64, complex64(complex(1, -2)))
	there(t, client, edgemesh.Complex128, complex(1, -2), complex(0, math.Inf(1)))
	there[float64](t, client, edgemesh.Float64)
}

func TestShapes(t *testing.T) {
	matrix, err := edgemesh.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil || !slices.Equal(matrix.Shape(), []int{2, 3}) || matrix.String() != "float32[2 3]" {
		t.Errorf("%v, %v", matrix, err)
	}
	if scalar := edgemesh.Scalar(2.5); len(scalar.Shape()) != 0 || scalar.Len() != 1 {
		t.Errorf("%v", scalar)
	}
	if empty, err := edgemesh.NewTensor([]int{}, 0, 3); err != nil || empty.Len() != 0 {
		t.Errorf("%v, %v", empty, err)
	}
	for _, shape := range [][]int{
		{}, {5}, {2, 2}, {-2, -3}, {2, -3}, {math.MaxInt, 3}, slices.Repeat([]int{1}, 33),
	} {
		_, err := edgemesh.NewTensor([]float32{1, 2, 3, 4, 5, 6}, shape...)
		var wrong *edgemesh.TensorError
		if !errors.As(err, &wrong) {
			t.Errorf("six elements in a shape of %v: %v", shape, err)
		}
	}
}

func TestAnotherTypeIsRefused(t *testing.T) {
	_, err := edgemesh.Values[float64](edgemesh.Vector([]float32{1}))
	if err == nil || err.Error() != "tensor: it is of float32, which []float64 cannot hold" {
		t.Error(err)
	}
	if _, err := edgemesh.Values[float64](nil); err == nil {
		t.Error("a tensor that is not there has elements")
	}
}

func TestOpaqueBytes(t *testing.T) {
	picture := edgemesh.Bytes([]byte("\x89PNG"), "image/png")
	data, err := edgemesh.Values[uint8](picture)
	if err != nil || string(data) != "\x89PNG" || picture.MediaType() != "image/png" {
		t.Errorf("%v %v", data, err)
	}
}
