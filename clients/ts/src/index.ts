/** edgemesh from TypeScript. What is here runs in browsers and in Node; gRPC is in `./node`. */
export type { Algorithm, TensorSpec } from "./algorithm.js";
export { Client } from "./client.js";
export type { Arrays, DType, TypedArray } from "./dtype.js";
export {
  EdgemeshError,
  FailedError,
  type Quota,
  RefusedError,
  TensorError,
  type Violation,
} from "./errors.js";
export type { Job, JobEvent, JobInfo, JobOptions, JobState } from "./job.js";
export type { ClientOptions } from "./link.js";
export type { CallOptions, Json, Limits, Priority, Program, Work, WorkOptions } from "./request.js";
export { connectRest, type RestOptions } from "./rest/connect.js";
export type { Event, Failure, Outcome, Result, Usage } from "./result.js";
export type { Retries } from "./retry.js";
export type { Session, SessionInfo, Variable } from "./session.js";
export { Tensor, type TensorLike } from "./tensor.js";
