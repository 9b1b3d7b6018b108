package edgemesh

// Elements of Go's to the bytes that travel, and back.

import (
	"encoding/binary"
	"math"
)

// encode gives a type and the bytes of these elements.
func encode[T Element](values []T) (DType, []byte) {
	switch values := any(values).(type) {
	case []bool:
		return Bool, plain(values, 1)
	case []int:
		widened := make([]int64, len(values))
		for at, value := range values {
			widened[at] = int64(value)
		}
		return Int64, plain(widened, 8)
	case []int8:
		return Int8, plain(values, 1)
	case []int16:
		return Int16, plain(values, 2)
	case []int32:
		return Int32, plain(values, 4)
	case []int64:
		return Int64, plain(values, 8)
	case []uint8:
		return Uint8, plain(values, 1)
	case []uint16:
		return Uint16, plain(values, 2)
	case []uint32:
		return Uint32, plain(values, 4)
	case []uint64:
		return Uint64, plain(values, 8)
	case []float32:
		return Float32, plain(values, 4)
	case []float64:
		return Float64, plain(values, 8)
	case []complex64:
		return Complex64, plain(apart(values, func(z complex64) (float32, float32) {
			return real(z), imag(z)
		}), 4)
	case []complex128:
		return Complex128, plain(apart(values, func(z complex128) (float64, float64) {
			return real(z), imag(z)
		}), 8)
	}
	panic("edgemesh: encode knows each type of Element")
}

// plain writes what encoding/binary writes fast.
func plain[T any](values []T, size int) []byte {
	data, err := binary.Append(make([]byte, 0, len(values)*size), order, values)
	if err != nil {
		panic(err) // of types of a fixed size there is none
	}
	return data
}

// apart makes pairs of complex numbers, for which encoding/binary has no fast way.
func apart[Z complex64 | complex128, F float32 | float64](values []Z, parts func(Z) (F, F)) []F {
	pairs := make([]F, 0, 2*len(values))
	for _, value := range values {
		re, im := parts(value)
		pairs = append(pairs, re, im)
	}
	return pairs
}

// decode reads a tensor's elements; false where it is of another type.
func decode[T Element](tensor *Tensor) ([]T, bool) {
	made := make([]T, tensor.Len())
	var fits bool
	switch into := any(made).(type) {
	case []bool:
		if fits = tensor.dtype == Bool; fits {
			for at, value := range tensor.data {
				into[at] = value != 0
			}
		}
	case []int:
		if fits = tensor.dtype == Int64; fits {
			for at := range into {
				into[at] = int(order.Uint64(tensor.data[8*at:]))
			}
		}
	case []int8:
		fits = read(tensor, Int8, into)
	case []int16:
		fits = read(tensor, Int16, into)
	case []int32:
		fits = read(tensor, Int32, into)
	case []int64:
		fits = read(tensor, Int64, into)
	case []uint8:
		if fits = tensor.dtype == Uint8 || tensor.dtype == Opaque; fits {
			copy(into, tensor.data)
		}
	case []uint16:
		fits = read(tensor, Uint16, into)
	case []uint32:
		fits = read(tensor, Uint32, into)
	case []uint64:
		fits = read(tensor, Uint64, into)
	case []float32:
		fits = singles(tensor, into)
	case []float64:
		fits = read(tensor, Float64, into)
	case []complex64:
		if fits = tensor.dtype == Complex64; fits {
			for at := range into {
				re, im := order.Uint32(tensor.data[8*at:]), order.Uint32(tensor.data[8*at+4:])
				into[at] = complex(math.Float32frombits(re), math.Float32frombits(im))
			}
		}
	case []complex128:
		if fits = tensor.dtype == Complex128; fits {
			for at := range into {
				re, im := order.Uint64(tensor.data[16*at:]), order.Uint64(tensor.data[16*at+8:])
				into[at] = complex(math.Float64frombits(re), math.Float64frombits(im))
			}
		}
	}
	return made, fits
}

func read[T any](tensor *Tensor, dtype DType, into []T) bool {
	if tensor.dtype != dtype {
		return false
	}
	if _, err := binary.Decode(tensor.data, order, into); err != nil {
		panic(err) // the length was checked
	}
	return true
}

// singles reads float32, and the halves that it has all values of.
func singles(tensor *Tensor, into []float32) bool {
	switch tensor.dtype {
	case Float32:
		return read(tensor, Float32, into)
	case BFloat16:
		for at := range into {
			into[at] = math.Float32frombits(uint32(order.Uint16(tensor.data[2*at:])) << 16)
		}
		return true
	case Float16:
		for at := range into {
			into[at] = half(order.Uint16(tensor.data[2*at:]))
		}
		return true
	}
	return false
}

// half widens a binary16.
func half(bits uint16) float32 {
	sign := uint32(bits&0x8000) << 16
	exponent, fraction := uint32(bits>>10&0x1f), uint32(bits&0x3ff)
	switch exponent {
	case 0: // zero, or a subnormal number: a multiple of 2^-24
		value := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(value) | sign)
	case 0x1f: // an infinity, or NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
