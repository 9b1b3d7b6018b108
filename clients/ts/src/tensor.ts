/** Tensors: arrays in C order, the last dimension varying fastest. */
import { create } from "@bufbuild/protobuf";
import {
  type Arrays,
  type DType,
  dtypeOf,
  KINDS,
  natural,
  read,
  type TypedArray,
} from "./dtype.js";
import { TensorError } from "./errors.js";
import { type Tensor as Message, TensorSchema } from "./gen/edgemesh/compute/v1/tensor_pb.js";

const MOST_DIMENSIONS = 32;

/** What is taken for a tensor: one, a typed array (one dimension, of its own type), or numbers. */
export type TensorLike = Tensor | TypedArray | readonly number[];

/** An n-dimensional array. It does not change once made. */
export class Tensor {
  private constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    /** The elements as they travel, little-endian. */
    readonly bytes: Uint8Array,
    /** What opaque bytes hold, e.g. "image/png". */
    readonly mediaType = "",
  ) {}

  /** Of a typed array's own type, or of numbers as float64; without a shape one dimension. */
  static of(values: TypedArray | readonly number[], shape?: readonly number[]): Tensor {
    const array = ArrayBuffer.isView(values) ? values : Float64Array.from(values);
    return Tensor.made(natural(array), shape ?? [array.length], raw(array));
  }

  /** Of bools. */
  static bools(values: readonly boolean[], shape?: readonly number[]): Tensor {
    return Tensor.made("bool", shape ?? [values.length], Uint8Array.from(values, Number));
  }

  /** Of complex numbers: real and imaginary parts in turn; complex64 of a Float32Array. */
  static complex(
    pairs: Float32Array | Float64Array | readonly number[],
    shape?: readonly number[],
  ): Tensor {
    const array = ArrayBuffer.isView(pairs) ? pairs : Float64Array.from(pairs);
    const dtype = array instanceof Float32Array ? "complex64" : "complex128";
    return Tensor.made(dtype, shape ?? [array.length / 2], raw(array));
  }

  /** Of opaque bytes: a picture ("image/png"), a sound, a document. */
  static opaque(bytes: Uint8Array, mediaType = ""): Tensor {
    return new Tensor("bytes", [bytes.length], bytes, mediaType);
  }

  /** Of a type, a shape and the bytes of its elements. Throws TensorError where they do not fit. */
  static made(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
    if (shape.length > MOST_DIMENSIONS) {
      throw new TensorError(`it has ${shape.length} dimensions, of ${MOST_DIMENSIONS} at most`);
    }
    if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
      throw new TensorError(`a shape of [${shape}]: lengths are whole numbers of 0 or more`);
    }
    const count = shape.reduce((product, length) => product * length, 1);
    if (count * KINDS[dtype].size !== bytes.length) {
      const there = bytes.length / KINDS[dtype].size;
      throw new TensorError(
        `a shape of [${shape}] has ${count} elements of ${dtype}, not ${there}`,
      );
    }
    return new Tensor(dtype, [...shape], bytes);
  }

  /** Whatever is taken for one. */
  static from(value: TensorLike): Tensor {
    return value instanceof Tensor ? value : Tensor.of(value);
  }

  /** A message of the contract. Throws TensorError where it makes no sense. */
  static read(message: Message): Tensor {
    const dtype = dtypeOf(message.dtype);
    if (dtype === undefined) {
      throw new TensorError(`it is of type ${message.dtype}, which this client does not know`);
    }
    const bytes = message.storage.case === "data" ? message.storage.value : new Uint8Array();
    if (dtype === "bytes") return Tensor.opaque(bytes, message.mediaType);
    return Tensor.made(dtype, message.shape.map(Number), bytes);
  }

  /** The contract's message. */
  message(): Message {
    return create(TensorSchema, {
      dtype: KINDS[this.dtype].wire,
      shape: this.shape.map(BigInt),
      mediaType: this.mediaType,
      storage: { case: "data", value: this.bytes },
    });
  }

  /** How many elements it has. */
  get length(): number {
    return this.bytes.length / KINDS[this.dtype].size;
  }

  /**
   * Its elements, copied; `Arrays` says in which array which type comes. With a type's name it is an
   * error (TensorError) to be of another.
   */
  values(): TypedArray;
  values<D extends DType>(dtype: D): Arrays[D];
  values(dtype: DType = this.dtype): TypedArray {
    if (dtype !== this.dtype) throw new TensorError(`it is of ${this.dtype}, not of ${dtype}`);
    return read(dtype, this.bytes);
  }

  toString(): string {
    return `${this.dtype}[${this.shape}]`;
  }
}

/** The bytes of an array, copied: what is sent does not change when the array does. */
function raw(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
}
