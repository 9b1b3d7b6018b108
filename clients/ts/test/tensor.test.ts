import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { TypedArray } from "../src/dtype.js";
import { DataType, TensorSchema } from "../src/gen/edgemesh/compute/v1/tensor_pb.js";
import { Tensor, TensorError } from "../src/index.js";

const ARRAYS: [string, TypedArray][] = [
  ["int8", new Int8Array([-128, 127])],
  ["int16", new Int16Array([-32768, 1])],
  ["int32", new Int32Array([-(2 ** 31), 1])],
  ["int64", new BigInt64Array([-(2n ** 63n), 1n])],
  ["uint8", new Uint8Array([0, 255])],
  ["uint16", new Uint16Array([0, 65535])],
  ["uint32", new Uint32Array([2 ** 32 - 1])],
  ["uint64", new BigUint64Array([2n ** 64n - 1n])],
  ["float32", new Float32Array([1.5, Number.NEGATIVE_INFINITY])],
  ["float64", new Float64Array([1.5, Number.NaN, Number.MIN_VALUE])],
  ["float64", new Float64Array()],
];

for (const [dtype, array] of ARRAYS) {
  test(`${dtype} of ${array.length} elements, there and back`, () => {
    const back = Tensor.read(Tensor.of(array).message());
    assert.equal(back.dtype, dtype);
    assert.deepEqual(back.values(), array);
    assert.deepEqual(back.shape, [array.length]);
  });
}

test("what is part of a larger buffer is sent alone", () => {
  const part = new Float64Array([9, 1, 2, 9]).subarray(1, 3);
  assert.deepEqual(Tensor.of(part).values(), new Float64Array([1, 2]));
});

test("what is sent does not change when the array does", () => {
  const array = new Float64Array([1]);
  const tensor = Tensor.of(array);
  array[0] = 2;
  assert.deepEqual(tensor.values(), new Float64Array([1]));
});

test("bools and complex numbers", () => {
  assert.deepEqual(Tensor.bools([true, false]).values("bool"), new Uint8Array([1, 0]));
  const tensor = Tensor.complex([1, -2, 0, 3]);
  assert.deepEqual([tensor.dtype, tensor.shape, tensor.length], ["complex128", [2], 2]);
  assert.equal(Tensor.complex(new Float32Array([1, 2])).dtype, "complex64");
  assert.throws(() => Tensor.complex([1, 2, 3]), TensorError);
});

test("shapes", () => {
  const matrix = Tensor.of([1, 2, 3, 4, 5, 6], [2, 3]);
  assert.equal(String(matrix), "float64[2,3]");
  assert.deepEqual(Tensor.of([7], []).shape, []);
  assert.equal(Tensor.of([], [0, 3]).length, 0);
  for (const shape of [[], [5], [2, 2], [-2, -3], [2.5, 2], Array(33).fill(1)]) {
    assert.throws(() => Tensor.of([1, 2, 3, 4, 5, 6], shape), TensorError, `${shape}`);
  }
});

test("another type is refused", () => {
  assert.throws(() => Tensor.of([1]).values("float32"), {
    name: "TensorError",
    message: "it is of float64, not of float32",
  });
});

test("halves are widened", () => {
  const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000]);
  const message = create(TensorSchema, {
    dtype: DataType.FLOAT16,
    shape: [8n],
    storage: { case: "data", value: new Uint8Array(halves.buffer) },
  });
  const inf = Number.POSITIVE_INFINITY;
  assert.deepEqual(
    Tensor.read(message).values("float16"),
    new Float32Array([1, -2, 2 ** -24, 65504, inf, -inf, Number.NaN, -0]),
  );
  message.dtype = DataType.BFLOAT16;
  assert.equal(Tensor.read(message).values("bfloat16")[1], -2);
});

test("a tensor that makes no sense is refused", () => {
  const storage = { case: "data" as const, value: new Uint8Array(3) };
  for (const dtype of [DataType.FLOAT64, DataType.UNSPECIFIED, 99 as DataType]) {
    assert.throws(
      () => Tensor.read(create(TensorSchema, { dtype, shape: [1n], storage })),
      TensorError,
    );
  }
});
