/** What the mesh can compute. */
import { type DType, dtypeOf } from "./dtype.js";
import type {
  OfferedAlgorithm,
  TensorSpec as Spec,
} from "./gen/edgemesh/compute/v1/algorithm_pb.js";

/** What a tensor must be. */
export interface TensorSpec {
  readonly name: string;
  readonly description: string;
  /** Those that are taken; empty: any. */
  readonly dtypes: readonly DType[];
  /** -1 stands for any length. */
  readonly shape: readonly number[];
  readonly anyRank: boolean;
  readonly required: boolean;
}

/** Something that the mesh can compute. */
export interface Algorithm {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** The executor that offers it. */
  readonly executor: string;
  /** JSON Schemas; undefined: there are none. */
  readonly parametersSchema: unknown;
  readonly resultSchema: unknown;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Whether a stream tells of anything before the result. */
  readonly streams: boolean;
  /** Whether it may run twice without harm. */
  readonly idempotent: boolean;
  readonly defaultRunTimeMs: number;
  /** What a request may ask for. */
  readonly capabilities: readonly string[];
}

export function readAlgorithm({ algorithm, executor }: OfferedAlgorithm): Algorithm {
  return {
    name: algorithm?.name ?? "",
    version: algorithm?.version ?? "",
    description: algorithm?.description ?? "",
    executor,
    parametersSchema: parsed(algorithm?.parametersSchema),
    resultSchema: parsed(algorithm?.resultSchema),
    inputs: algorithm?.inputs.map(readSpec) ?? [],
    outputs: algorithm?.outputs.map(readSpec) ?? [],
    streams: algorithm?.streams ?? false,
    idempotent: algorithm?.idempotent ?? false,
    defaultRunTimeMs: Number(algorithm?.defaultRunTimeMs ?? 0),
    capabilities: algorithm?.capabilities ?? [],
  };
}

function readSpec(spec: Spec): TensorSpec {
  return {
    name: spec.name,
    description: spec.description,
    dtypes: spec.dtypes.map(dtypeOf).filter((each) => each !== undefined),
    shape: spec.shape.map(Number),
    anyRank: spec.anyRank,
    required: spec.required,
  };
}

function parsed(text: string | undefined): unknown {
  return text ? JSON.parse(text) : undefined;
}
