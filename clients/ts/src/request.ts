/** What a caller says, to a request of the contract. */
import { create } from "@bufbuild/protobuf";
import {
  type ComputeRequest,
  ComputeRequestSchema,
  LimitsSchema,
  Priority as Priorities,
} from "./gen/edgemesh/compute/v1/compute_pb.js";
import { Tensor, type TensorLike } from "./tensor.js";

/** What JSON has. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** The order in which waiting work gets a slot. */
export type Priority = "realtime" | "interactive" | "batch";

/** What work may use; what is not named has the executor's default. Whole numbers. */
export interface Limits {
  readonly runTimeMs?: number;
  readonly cpuMs?: number;
  readonly memoryBytes?: number;
  readonly outputBytes?: number;
  /** Calls back into the mesh that sandboxed code may make. */
  readonly calls?: number;
  readonly fuel?: number;
  readonly filesBytes?: number;
}

/** What each call takes. */
export interface CallOptions {
  /** Ends the call, and its work on the mesh. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take, retries included; by default as the client's. */
  readonly timeoutMs?: number | undefined;
}

/** What a request says beside its parameters and inputs. */
export interface WorkOptions extends CallOptions {
  /** A session that the work goes on in. */
  readonly session?: string;
  readonly priority?: Priority;
  readonly limits?: Limits;
  /** What sandboxed code may reach beyond its box, e.g. "call:cpp.*". */
  readonly capabilities?: readonly string[];
  /** Appears in logs; the mesh makes one where it is not given. */
  readonly requestId?: string;
  /** `false`: work that ends otherwise than OK is a result, not a FailedError. */
  readonly check?: boolean;
}

/** One piece of work. */
export interface Work extends WorkOptions {
  readonly parameters?: { readonly [name: string]: Json };
  /** The algorithm's tensors by name. */
  readonly inputs?: { readonly [name: string]: TensorLike };
}

/** A program's own: what it finds in `inputs` are tensors (as arrays) and what JSON has. */
export interface Program extends WorkOptions {
  readonly inputs?: { readonly [name: string]: TensorLike | Json };
  /** The id of an environment that was made. */
  readonly environment?: string;
  readonly stdin?: string;
}

const PRIORITIES: Record<Priority, Priorities> = {
  realtime: Priorities.REALTIME,
  interactive: Priorities.INTERACTIVE,
  batch: Priorities.BATCH,
};

/** The contract's message. Throws TensorError. */
export function request(algorithm: string, work: Work): ComputeRequest {
  const message = create(ComputeRequestSchema, {
    algorithm,
    requestId: work.requestId ?? "",
    sessionId: work.session ?? "",
    priority: work.priority ? PRIORITIES[work.priority] : Priorities.UNSPECIFIED,
    capabilities: [...(work.capabilities ?? [])],
    parameters: work.parameters ? JSON.stringify(work.parameters) : "",
  });
  if (work.limits) {
    const { calls = 0, ...others } = work.limits;
    const wide = Object.entries(others).map(([name, value]) => [name, BigInt(value)]);
    message.limits = create(LimitsSchema, { calls, ...Object.fromEntries(wide) });
  }
  for (const [name, value] of Object.entries(work.inputs ?? {})) {
    message.inputs[name] = Tensor.from(value).message();
  }
  return message;
}

/** A program as work for `python.run`. A list is JSON's here, and a tensor only what is typed. */
export function program(code: string, given: Program): Work {
  const { inputs = {}, environment, stdin, ...options } = given;
  const tensors: Record<string, TensorLike> = {};
  const values: Record<string, Json> = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (value instanceof Tensor || ArrayBuffer.isView(value)) tensors[name] = value as TensorLike;
    else values[name] = value as Json;
  }
  const parameters: Record<string, Json> = { code };
  if (Object.keys(values).length > 0) parameters.inputs = values;
  if (environment) parameters.environment = environment;
  if (stdin) parameters.stdin = stdin;
  return { ...options, parameters, inputs: tensors };
}
