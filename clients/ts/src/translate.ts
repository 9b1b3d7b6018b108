/**
 * Connect's errors to this package's, and what may be sent again. The one place that reads
 * google.rpc's details.
 */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RefusedError } from "./errors.js";
import type { JobError } from "./gen/edgemesh/compute/v1/job_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

const NEVER_BEGAN = new Set([
  "RATE_LIMITED",
  "TOO_MANY_AT_ONCE",
  "COMPUTE_SPENT",
  "QUEUE_FULL",
  "NOT_STARTED",
  "SHUTTING_DOWN",
  "STORAGE_FULL",
]);
/** What Node's sockets say of a request that never left. */
const NOT_CONNECTED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/;

/** What a failed call said. */
export function refused(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  const told = ConnectError.from(error);
  return made(codeName(told.code), told.rawMessage, (schema) => told.findDetails(schema)[0], error);
}

/** Why a job has no response. */
export function refusedJob(error: JobError): RefusedError {
  return made(codeName(error.code), error.message, (schema) => unpacked(error.details, schema));
}

/** Whether the same request may be sent again; `safe`: twice does no more than once. */
export function mayRetry(error: RefusedError, safe: boolean): boolean {
  if (NEVER_BEGAN.has(error.reason)) return true;
  if (error.reason === "UNUSABLE_MODEL") return error.retryAfterMs !== undefined; // nothing ran
  if (error.code !== "UNAVAILABLE") return false;
  return safe || (error.reason === "" && NOT_CONNECTED.test(error.message));
}

type Find = <D extends DescMessage>(schema: D) => MessageShape<D> | undefined;

function made(code: string, message: string, find: Find, cause?: unknown): RefusedError {
  const info = find(ErrorInfoSchema);
  const delay = find(RetryInfoSchema)?.retryDelay;
  const details = {
    reason: info?.reason ?? "",
    metadata: { ...info?.metadata },
    violations: (find(BadRequestSchema)?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    })),
    quotas: (find(QuotaFailureSchema)?.violations ?? []).map(({ subject, description }) => ({
      subject,
      description,
    })),
    retryAfterMs: delay && Number(delay.seconds) * 1e3 + delay.nanos / 1e6,
  };
  return new RefusedError(code, message, details, { cause });
}

function unpacked<D extends DescMessage>(details: Any[], schema: D): MessageShape<D> | undefined {
  for (const each of details) {
    const found = anyUnpack(each, schema);
    if (found) return found;
  }
  return undefined;
}

/** `Code.NotFound` → "NOT_FOUND". */
function codeName(code: number): string {
  const name = Code[code] ?? "Unknown";
  if (name === "Canceled") return "CANCELLED";
  return name.replace(/(?<=.)[A-Z]/g, "_$&").toUpperCase();
}
