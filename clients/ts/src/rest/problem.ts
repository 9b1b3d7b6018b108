/** A problem (RFC 9457), as REST tells what it refuses, to what gRPC would have told. */
import { create, type DescMessage, type JsonValue, toJson } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";

/** What a problem's body may have. */
export interface Problem {
  readonly status?: number;
  readonly reason?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly metadata?: Record<string, string>;
  readonly violations?: readonly { readonly field: string; readonly expected: string }[];
  readonly quota?: readonly { readonly subject: string; readonly description: string }[];
  readonly retry_after_ms?: number;
}

const BY_STATUS: Record<number, Code> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  405: Code.Unimplemented,
  408: Code.DeadlineExceeded,
  413: Code.ResourceExhausted,
  415: Code.InvalidArgument,
  429: Code.ResourceExhausted,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.DeadlineExceeded,
};
const BY_NAME = new Map(
  Object.entries(Code)
    .filter((entry): entry is [string, Code] => typeof entry[1] === "number")
    .map(([name, code]) => [name.replace(/(?<=.)[A-Z]/g, "_$&").toUpperCase(), code]),
).set("CANCELLED", Code.Canceled);

/** The error that an answer is. */
export async function failed(response: Response): Promise<ConnectError> {
  const text = await response.text();
  let problem: Problem = {};
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    // Of something between us and the mesh; its words may be a whole page.
  }
  return error({ ...problem, status: response.status });
}

/** The error that a problem is. */
export function error(problem: Problem): ConnectError {
  const message = problem.detail ?? `HTTP ${problem.status}`;
  return new ConnectError(message, codeOf(problem), undefined, details(problem));
}

/** The JSON of a JobError that a problem is. */
export function jobError(problem: Problem): JsonValue {
  const packed = details(problem).map(({ desc, value }) => ({
    "@type": `type.googleapis.com/${desc.typeName}`,
    ...(toJson(desc, create(desc, value)) as Record<string, JsonValue>),
  }));
  return { code: codeOf(problem), message: problem.detail ?? "", details: packed };
}

function codeOf(problem: Problem): Code {
  return BY_NAME.get(problem.code ?? "") ?? BY_STATUS[problem.status ?? 0] ?? Code.Unknown;
}

function details(problem: Problem): { desc: DescMessage; value: Record<string, unknown> }[] {
  const { reason = "", metadata = {}, violations, quota, retry_after_ms: ms } = problem;
  const made: { desc: DescMessage; value: Record<string, unknown> }[] = [];
  if (reason) made.push({ desc: ErrorInfoSchema, value: { reason, metadata, domain: "edgemesh" } });
  if (violations) {
    const fieldViolations = violations.map(({ field, expected }) => ({
      field,
      description: expected,
    }));
    made.push({ desc: BadRequestSchema, value: { fieldViolations } });
  }
  if (quota) made.push({ desc: QuotaFailureSchema, value: { violations: quota } });
  if (ms !== undefined) {
    const seconds = Math.floor(ms / 1e3);
    const nanos = Math.round((ms - seconds * 1e3) * 1e6);
    const retryDelay = create(DurationSchema, { seconds: BigInt(seconds), nanos });
    made.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return made;
}
