/**
 * What can go wrong, as types.
 *
 *     EdgemeshError
 *     ├── RefusedError   the mesh refused it, or was not reached: code, reason, violations, …
 *     ├── FailedError    the work ended otherwise than OK: its result, with what it printed
 *     └── TensorError    numbers and a shape, or a type, do not fit each other
 *
 * What a caller aborts by its signal ends with the signal's own reason, as `fetch` does.
 */
import type { Result } from "./result.js";

export class EdgemeshError extends Error {
  override name = "EdgemeshError";
}

/** A field of a request that is wrong: its path, and what was expected there. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** A limit of a tenant that was reached: whose it is ("tenant:physics"), and which. */
export interface Quota {
  readonly subject: string;
  readonly description: string;
}

/** What a refusal has beside its code and its message. */
export interface RefusedDetails {
  readonly reason?: string;
  readonly violations?: readonly Violation[];
  readonly quotas?: readonly Quota[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
}

/** The mesh did not do it. */
export class RefusedError extends EdgemeshError {
  override name = "RefusedError";
  /** One of the contract's reasons (compute.proto); empty where the mesh was not reached. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  readonly quotas: readonly Quota[];
  readonly metadata: Readonly<Record<string, string>>;
  /** When to try again, where waiting helps. */
  readonly retryAfterMs: number | undefined;

  constructor(
    /** The name of gRPC's code, e.g. "NOT_FOUND". */
    readonly code: string,
    message: string,
    details: RefusedDetails = {},
    options?: ErrorOptions,
  ) {
    const { reason = "", violations = [], quotas = [], metadata = {}, retryAfterMs } = details;
    const fields = violations
      .filter((each) => !message.includes(each.description))
      .map((each) => `\n  ${each.field}: ${each.description}`);
    super(`${reason || code}: ${message}${fields.join("")}`, options);
    this.reason = reason;
    this.violations = violations;
    this.quotas = quotas;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The work ended otherwise than OK; `result` has its outcome, failure and what it printed. */
export class FailedError extends EdgemeshError {
  override name = "FailedError";

  constructor(readonly result: Result) {
    const { outcome, failure } = result;
    super([outcome, failure?.type, failure?.message].filter(Boolean).join(": "));
  }
}

/** A tensor cannot be made, or not be read as asked. */
export class TensorError extends EdgemeshError {
  override name = "TensorError";
}
