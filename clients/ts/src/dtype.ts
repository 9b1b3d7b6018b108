/** The types of a tensor's elements, by NumPy's names, and the arrays that hold them. */
import { DataType } from "./gen/edgemesh/compute/v1/tensor_pb.js";

/**
 * The array that holds a type's elements. Bools are 0 and 1, complex numbers pairs (real part, then
 * imaginary part), float16 and bfloat16 are widened, "bytes" are opaque.
 */
export interface Arrays {
  bool: Uint8Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  uint64: BigUint64Array;
  float16: Float32Array;
  bfloat16: Float32Array;
  float32: Float32Array;
  float64: Float64Array;
  complex64: Float32Array;
  complex128: Float64Array;
  bytes: Uint8Array;
}

export type DType = keyof Arrays;
export type TypedArray = Arrays[DType];

/** A type on the wire, and what an element of it takes. */
interface Kind {
  readonly wire: DataType;
  readonly size: number;
}

export const KINDS: Readonly<Record<DType, Kind>> = {
  bool: { wire: DataType.BOOL, size: 1 },
  int8: { wire: DataType.INT8, size: 1 },
  int16: { wire: DataType.INT16, size: 2 },
  int32: { wire: DataType.INT32, size: 4 },
  int64: { wire: DataType.INT64, size: 8 },
  uint8: { wire: DataType.UINT8, size: 1 },
  uint16: { wire: DataType.UINT16, size: 2 },
  uint32: { wire: DataType.UINT32, size: 4 },
  uint64: { wire: DataType.UINT64, size: 8 },
  float16: { wire: DataType.FLOAT16, size: 2 },
  bfloat16: { wire: DataType.BFLOAT16, size: 2 },
  float32: { wire: DataType.FLOAT32, size: 4 },
  float64: { wire: DataType.FLOAT64, size: 8 },
  complex64: { wire: DataType.COMPLEX64, size: 8 },
  complex128: { wire: DataType.COMPLEX128, size: 16 },
  bytes: { wire: DataType.BYTES, size: 1 },
};

const NAMES = new Map(Object.entries(KINDS).map(([name, kind]) => [kind.wire, name as DType]));

/** The name of a type on the wire; undefined: not known here. */
export function dtypeOf(wire: DataType): DType | undefined {
  return NAMES.get(wire);
}

/** The type whose elements an array has by itself. */
export function natural(array: TypedArray): DType {
  if (array instanceof Float64Array) return "float64";
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Uint16Array) return "uint16";
  if (array instanceof Uint32Array) return "uint32";
  if (array instanceof BigUint64Array) return "uint64";
  return "uint8";
}

/** Elements of their bytes, copied. The machine is little-endian, as the wire is. */
export function read(dtype: DType, bytes: Uint8Array): TypedArray {
  const copy = bytes.slice().buffer;
  switch (dtype) {
    case "bool":
    case "uint8":
    case "bytes":
      return new Uint8Array(copy);
    case "int8":
      return new Int8Array(copy);
    case "int16":
      return new Int16Array(copy);
    case "int32":
      return new Int32Array(copy);
    case "int64":
      return new BigInt64Array(copy);
    case "uint16":
      return new Uint16Array(copy);
    case "uint32":
      return new Uint32Array(copy);
    case "uint64":
      return new BigUint64Array(copy);
    case "float16":
      return Float32Array.from(new Uint16Array(copy), half);
    case "bfloat16":
      return new Float32Array(Uint32Array.from(new Uint16Array(copy), (bits) => bits << 16).buffer);
    case "float32":
    case "complex64":
      return new Float32Array(copy);
    case "float64":
    case "complex128":
      return new Float64Array(copy);
  }
}

/** A binary16 as a number. */
export function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
