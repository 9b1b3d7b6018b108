/** Which route of REST a method of the contract is: a table. */
import type { DescMessage, DescMethod, JsonObject, MessageShape } from "@bufbuild/protobuf";
import { AlgorithmService } from "../gen/edgemesh/compute/v1/algorithm_pb.js";
import { ComputeService } from "../gen/edgemesh/compute/v1/compute_pb.js";
import { JobService, JobState } from "../gen/edgemesh/compute/v1/job_pb.js";
import { SessionService } from "../gen/edgemesh/compute/v1/session_pb.js";
import { computeBody } from "./plain.js";

export type Query = Record<string, string | number | bigint | readonly string[]>;

/** A route, by the message that is asked with. */
export interface Route<I> {
  readonly verb: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: (asked: I) => string;
  /** What is empty is left out. */
  readonly query?: (asked: I) => Query;
  /** JSON, or bytes as they are. */
  readonly body?: (asked: I) => Record<string, unknown> | Uint8Array;
  /** The field of the answer that the JSON is; by default it is the answer itself. */
  readonly field?: string;
  /** The field of the answer that the body's bytes are. */
  readonly bytes?: string;
  /** The message of an event of a stream: its kind, its content and its number. */
  readonly event?: (kind: string, content: JsonObject, number: number) => JsonObject;
}

const ROUTES = new Map<DescMethod, Route<never>>();

/** The route of a method; undefined: REST has none, or none is known here. */
export function routeOf<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
): Route<MessageShape<I>> | undefined {
  return ROUTES.get(method) as Route<MessageShape<I>> | undefined;
}

function add<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
  route: Route<MessageShape<I>>,
): void {
  ROUTES.set(method, route as Route<never>);
}

const id = encodeURIComponent;
const BASE64: Query = { tensors: "base64" };

add(ComputeService.method.compute, {
  verb: "POST",
  path: ({ algorithm }) => `compute/${id(algorithm)}`,
  query: () => BASE64,
  body: computeBody,
});
add(ComputeService.method.computeStream, {
  verb: "POST",
  path: ({ algorithm }) => `compute/${id(algorithm)}`,
  query: () => BASE64,
  body: computeBody,
  event: (kind, content, sequence) => ({ sequence, [kind]: content }),
});
add(AlgorithmService.method.listAlgorithms, {
  verb: "GET",
  path: () => "algorithms",
  query: ({ namespace }) => ({ namespace }),
});
add(AlgorithmService.method.getAlgorithm, {
  verb: "GET",
  path: ({ name }) => `algorithms/${id(name)}`,
  field: "algorithm",
});

add(JobService.method.submitJob, {
  verb: "POST",
  path: () => "jobs",
  body: (asked) => ({
    ...(asked.request && { algorithm: asked.request.algorithm, ...computeBody(asked.request) }),
    request_id: asked.requestId,
    max_attempts: asked.maxAttempts,
    attempt_timeout_ms: Number(asked.attemptTimeoutMs),
    timeout_ms: Number(asked.timeoutMs),
    result_ttl_ms: Number(asked.resultTtlMs),
    idempotent: asked.idempotent,
    ...(asked.webhook && { webhook: { url: asked.webhook.url } }),
  }),
  field: "job",
});
add(JobService.method.getJob, {
  verb: "GET",
  path: (asked) => `jobs/${id(asked.id)}`,
  query: () => BASE64,
  field: "job",
});
add(JobService.method.waitJob, {
  verb: "GET",
  path: (asked) => `jobs/${id(asked.id)}/wait`,
  query: ({ timeoutMs }) => ({ ...BASE64, timeout_ms: timeoutMs }),
  field: "job",
});
add(JobService.method.cancelJob, {
  verb: "POST",
  path: (asked) => `jobs/${id(asked.id)}/cancel`,
  field: "job",
});
add(JobService.method.deleteJob, { verb: "DELETE", path: (asked) => `jobs/${id(asked.id)}` });
add(JobService.method.listJobs, {
  verb: "GET",
  path: () => "jobs",
  query: ({ states, algorithm, pageSize, pageToken }) => ({
    state: states.map((each) => JobState[each]),
    algorithm,
    page_size: pageSize,
    page_token: pageToken,
  }),
});
add(JobService.method.streamJobEvents, {
  verb: "GET",
  path: (asked) => `jobs/${id(asked.id)}/events`,
  query: ({ afterSequence }) => ({ ...BASE64, after: afterSequence }),
  event: (kind, { at_ms = 0, attempt = 0, ...content }, sequence) => {
    const told = kind === "state" ? content : { work: { [kind]: content } };
    return { event: { sequence, at_ms, attempt, ...told } };
  },
});

add(SessionService.method.createSession, {
  verb: "POST",
  path: () => "sessions",
  body: ({ sessionId, executor, deterministic }) => ({
    session_id: sessionId,
    executor,
    deterministic,
  }),
  field: "session",
});
add(SessionService.method.getSession, {
  verb: "GET",
  path: ({ sessionId }) => `sessions/${id(sessionId)}`,
  field: "session",
});
add(SessionService.method.listSessions, {
  verb: "GET",
  path: () => "sessions",
  query: ({ executor, pageSize, after }) => ({ executor, page_size: pageSize, after }),
});
add(SessionService.method.inspectSession, {
  verb: "GET",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/variables`,
});
add(SessionService.method.forkSession, {
  verb: "POST",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/fork`,
  body: ({ executor, forkId }) => ({ executor, fork_id: forkId }),
  field: "session",
});
add(SessionService.method.resetSession, {
  verb: "POST",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/reset`,
  body: ({ executor }) => ({ executor }),
  field: "session",
});
add(SessionService.method.undoSession, {
  verb: "POST",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/undo`,
  body: ({ executor, calls }) => ({ executor, calls }),
  field: "session",
});
add(SessionService.method.exportSession, {
  verb: "GET",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/export`,
  bytes: "data",
});
add(SessionService.method.importSession, {
  verb: "PUT",
  path: ({ sessionId }) => `sessions/${id(sessionId)}/import`,
  body: ({ data }) => data,
  field: "session",
});
add(SessionService.method.deleteSession, {
  verb: "DELETE",
  path: ({ sessionId }) => `sessions/${id(sessionId)}`,
});
