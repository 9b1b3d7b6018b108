/**
 * The gateway's plain JSON to messages of the contract, and requests to plain JSON.
 *
 * Rules, as the gateway has them: the contract's own names; enumerations without their type's name;
 * JSON texts (`result`, `parameters_schema`, …) as JSON; tensors with `dtype`, `shape` and `base64`.
 */
import {
  createRegistry,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
} from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { type DType, dtypeOf, KINDS } from "../dtype.js";
import {
  type ComputeRequest,
  type Limits,
  Priority,
} from "../gen/edgemesh/compute/v1/compute_pb.js";
import { JobErrorSchema } from "../gen/edgemesh/compute/v1/job_pb.js";
import { DataType, type Tensor, TensorSchema } from "../gen/edgemesh/compute/v1/tensor_pb.js";
import * as details from "../gen/google/rpc/error_details_pb.js";
import { jobError, type Problem } from "./problem.js";

const JSON_TEXTS = new Set(["parameters_schema", "result_schema", "result"]);
const REGISTRY = createRegistry(details.file_google_rpc_error_details);

/** A message of its plain JSON. */
export function read<D extends DescMessage>(schema: D, plain: JsonObject): MessageShape<D> {
  return fromJson(schema, message(schema, plain), {
    registry: REGISTRY,
    ignoreUnknownFields: true,
  });
}

function message(schema: DescMessage, plain: JsonObject): JsonValue {
  if (schema.typeName === TensorSchema.typeName) return tensor(plain);
  if (schema.typeName === JobErrorSchema.typeName) return jobError(plain as Problem);
  const made: JsonObject = {};
  for (const field of schema.fields) {
    const value = plain[field.name];
    if (value !== undefined && value !== null) made[field.name] = part(field, value);
  }
  return made;
}

function part(field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind === "list") return (value as JsonValue[]).map((each) => one(field, each));
  if (field.fieldKind !== "map") return one(field, value);
  const entries = Object.entries(value as JsonObject);
  return Object.fromEntries(entries.map(([name, each]) => [name, one(field, each)]));
}

function one(field: DescField, value: JsonValue): JsonValue {
  if (field.message) return message(field.message, value as JsonObject);
  if (field.enum) return enumerated(field.enum, value);
  return JSON_TEXTS.has(field.name) ? JSON.stringify(value) : value;
}

function enumerated(kind: DescEnum, value: JsonValue): JsonValue {
  const wanted = `${kind.sharedPrefix ?? ""}${value}`.toLowerCase();
  return kind.values.find((each) => each.name.toLowerCase() === wanted)?.name ?? value;
}

function tensor(plain: JsonObject): JsonObject {
  const { dtype, shape, base64 = "", media_type = "" } = plain;
  const type = DataType[KINDS[dtype as DType].wire];
  return {
    dtype: `DATA_TYPE_${type}`,
    shape: shape ?? [],
    data: base64,
    mediaType: media_type ?? "",
  };
}

/** A request's body, as `POST /api/v1/compute/{algorithm}` takes it. */
export function computeBody(asked: ComputeRequest): Record<string, unknown> {
  const inputs = Object.entries(asked.inputs).map(([name, each]) => [name, written(each)]);
  return {
    ...(asked.requestId && { request_id: asked.requestId }),
    ...(asked.priority && { priority: Priority[asked.priority].toLowerCase() }),
    ...(asked.sessionId && { session_id: asked.sessionId }),
    ...(asked.limits && { limits: limits(asked.limits) }),
    ...(asked.capabilities.length > 0 && { capabilities: asked.capabilities }),
    parameters: asked.parameters ? JSON.parse(asked.parameters) : {},
    inputs: Object.fromEntries(inputs),
  };
}

function written(asked: Tensor): Record<string, unknown> {
  const data = asked.storage.case === "data" ? asked.storage.value : new Uint8Array();
  return {
    dtype: dtypeOf(asked.dtype),
    shape: asked.shape.map(Number),
    base64: base64Encode(data),
    ...(asked.mediaType && { media_type: asked.mediaType }),
  };
}

function limits(asked: Limits): Record<string, number> {
  return {
    run_time_ms: Number(asked.runTimeMs),
    cpu_ms: Number(asked.cpuMs),
    memory_bytes: Number(asked.memoryBytes),
    output_bytes: Number(asked.outputBytes),
    calls: asked.calls,
    fuel: Number(asked.fuel),
    files_bytes: Number(asked.filesBytes),
  };
}
