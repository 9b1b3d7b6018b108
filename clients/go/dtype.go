package edgemesh

import (
	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
)

// A DType is the type of a tensor's elements, by NumPy's name.
type DType string

// The types that there are. Float16 and BFloat16 have no type in Go: [Values] reads them as float32.
const (
	Bool       DType = "bool"
	Int8       DType = "int8"
	Int16      DType = "int16"
	Int32      DType = "int32"
	Int64      DType = "int64"
	Uint8      DType = "uint8"
	Uint16     DType = "uint16"
	Uint32     DType = "uint32"
	Uint64     DType = "uint64"
	Float16    DType = "float16"
	BFloat16   DType = "bfloat16"
	Float32    DType = "float32"
	Float64    DType = "float64"
	Complex64  DType = "complex64"
	Complex128 DType = "complex128"
	// Opaque is bytes of a media type: a picture, a document.
	Opaque DType = "bytes"
)

// kind is a type on the wire, and what an element of it takes.
type kind struct {
	wire computev1.DataType
	size int
}

var kinds = map[DType]kind{
	Bool:       {computev1.DataType_DATA_TYPE_BOOL, 1},
	Int8:       {computev1.DataType_DATA_TYPE_INT8, 1},
	Int16:      {computev1.DataType_DATA_TYPE_INT16, 2},
	Int32:      {computev1.DataType_DATA_TYPE_INT32, 4},
	Int64:      {computev1.DataType_DATA_TYPE_INT64, 8},
	Uint8:      {computev1.DataType_DATA_TYPE_UINT8, 1},
	Uint16:     {computev1.DataType_DATA_TYPE_UINT16, 2},
	Uint32:     {computev1.DataType_DATA_TYPE_UINT32, 4},
	Uint64:     {computev1.DataType_DATA_TYPE_UINT64, 8},
	Float16:    {computev1.DataType_DATA_TYPE_FLOAT16, 2},
	BFloat16:   {computev1.DataType_DATA_TYPE_BFLOAT16, 2},
	Float32:    {computev1.DataType_DATA_TYPE_FLOAT32, 4},
	Float64:    {computev1.DataType_DATA_TYPE_FLOAT64, 8},
	Complex64:  {computev1.DataType_DATA_TYPE_COMPLEX64, 8},
	Complex128: {computev1.DataType_DATA_TYPE_COMPLEX128, 16},
	Opaque:     {computev1.DataType_DATA_TYPE_BYTES, 1},
}

var dtypes = func() map[computev1.DataType]DType {
	made := make(map[computev1.DataType]DType, len(kinds))
	for name, kind := range kinds {
		made[kind.wire] = name
	}
	return made
}()
