package edgemesh

import (
	"encoding/binary"
	"fmt"
	"slices"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// Element is a type of Go's that tensors are made of, and read as. An int is an int64.
type Element interface {
	bool | int | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 |
		float32 | float64 | complex64 | complex128
}

// A Tensor is an n-dimensional array in C order: the last dimension varies fastest. It does not
// change once made.
type Tensor struct {
	dtype     DType
	shape     []int
	data      []byte
	mediaType string
}

// Tensors are inputs or outputs by name.
type Tensors map[string]*Tensor

const mostDimensions = 32

// NewTensor makes a tensor of these elements in this shape; no shape is a scalar. The elements are
// copied. The error is a [TensorError]: a shape has another number of elements.
func NewTensor[T Element](values []T, shape ...int) (*Tensor, error) {
	count, err := elements(shape)
	if err != nil {
		return nil, err
	}
	if count != len(values) {
		return nil, &TensorError{
			fmt.Sprintf("a shape of %v has %d elements, not %d", shape, count, len(values)),
		}
	}
	dtype, data := encode(values)
	return &Tensor{dtype: dtype, shape: slices.Clone(shape), data: data}, nil
}

// Vector makes a tensor of one dimension.
func Vector[T Element](values []T) *Tensor {
	dtype, data := encode(values)
	return &Tensor{dtype: dtype, shape: []int{len(values)}, data: data}
}

// Scalar makes a tensor without dimensions.
func Scalar[T Element](value T) *Tensor {
	dtype, data := encode([]T{value})
	return &Tensor{dtype: dtype, data: data}
}

// Bytes makes an opaque tensor: a picture ("image/png"), a sound, a document. The bytes are not
// copied. The media type may be empty.
func Bytes(data []byte, mediaType string) *Tensor {
	return &Tensor{dtype: Opaque, shape: []int{len(data)}, data: data, mediaType: mediaType}
}

// DType is the type of its elements.
func (t *Tensor) DType() DType { return t.dtype }

// Shape is its length along each dimension; empty for a scalar.
func (t *Tensor) Shape() []int { return slices.Clone(t.shape) }

// Len is the number of its elements.
func (t *Tensor) Len() int { return len(t.data) / kinds[t.dtype].size }

// MediaType is what opaque bytes hold, e.g. "image/png".
func (t *Tensor) MediaType() string { return t.mediaType }

// Bytes are its elements as they travel, little-endian; they are not to be changed.
func (t *Tensor) Bytes() []byte { return t.data }

// String tells of type and shape, not of elements.
func (t *Tensor) String() string { return fmt.Sprintf("%s%v", t.dtype, t.shape) }

// Values are a tensor's elements in C order, copied. A type is read as itself; float16 and bfloat16
// are read as float32, which has all of their values, and int64 as int too. The error is a
// [TensorError].
func Values[T Element](tensor *Tensor) ([]T, error) {
	if tensor == nil {
		return nil, &TensorError{"there is none of that name"}
	}
	values, fits := decode[T](tensor)
	if !fits {
		var wanted T
		return nil, &TensorError{fmt.Sprintf("it is of %s, which []%T cannot hold", tensor.dtype, wanted)}
	}
	return values, nil
}

// elements is how many a shape has.
func elements(shape []int) (int, error) {
	if len(shape) > mostDimensions {
		return 0, &TensorError{
			fmt.Sprintf("it has %d dimensions, of %d at most", len(shape), mostDimensions),
		}
	}
	count := 1
	for _, length := range shape {
		if length < 0 {
			return 0, &TensorError{fmt.Sprintf("a shape of %v: lengths are 0 or more", shape)}
		}
		if length > 0 && count > int(^uint(0)>>1)/length {
			return 0, &TensorError{fmt.Sprintf("a shape of %v has too many elements", shape)}
		}
		count *= length
	}
	return count, nil
}

// wire is the contract's message; the data is shared.
func (t *Tensor) wire() *computev1.Tensor {
	shape := make([]int64, len(t.shape))
	for at, length := range t.shape {
		shape[at] = int64(length)
	}
	return &computev1.Tensor{
		Dtype:     kinds[t.dtype].wire,
		Shape:     shape,
		MediaType: t.mediaType,
		Storage:   &computev1.Tensor_Data{Data: t.data},
	}
}

// fromWire reads the contract's message; what it says of itself is checked.
func fromWire(told *computev1.Tensor) (*Tensor, error) {
	dtype, known := dtypes[told.GetDtype()]
	if !known {
		return nil, &TensorError{fmt.Sprintf("it is of %s, which this client does not know", told.GetDtype())}
	}
	shape := make([]int, len(told.GetShape()))
	for at, length := range told.GetShape() {
		shape[at] = int(length)
	}
	data := told.GetData()
	if dtype == Opaque {
		return &Tensor{Opaque, []int{len(data)}, data, told.GetMediaType()}, nil
	}
	count, err := elements(shape)
	if err != nil {
		return nil, err
	}
	if size := kinds[dtype].size; len(data)%size != 0 || len(data)/size != count {
		return nil, &TensorError{fmt.Sprintf("%d bytes are no %s%v", len(data), dtype, shape)}
	}
	return &Tensor{dtype, shape, data, told.GetMediaType()}, nil
}

// order is that of the contract.
var order = binary.LittleEndian
