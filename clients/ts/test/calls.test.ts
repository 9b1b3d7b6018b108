/** Retries, deadlines, signals and errors, against a mesh in this process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import {
  ComputeResponseSchema,
  ComputeService,
  Outcome,
} from "../src/gen/edgemesh/compute/v1/compute_pb.js";
import { JobService, JobState } from "../src/gen/edgemesh/compute/v1/job_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";
import { Client, RefusedError } from "../src/index.js";
import type { ClientOptions } from "../src/link.js";

const STATES = [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED];

/** A refusal as the mesh makes them. */
function refusal(code: Code, reason: string, retryMs?: number): ConnectError {
  const error = new ConnectError("refused", code);
  const add = (
    desc: typeof ErrorInfoSchema | typeof RetryInfoSchema,
    value: Record<string, unknown>,
  ) => error.details.push({ desc, value });
  if (reason) add(ErrorInfoSchema, { reason, domain: "edgemesh", metadata: { limit: "4" } });
  if (retryMs !== undefined) {
    const retryDelay = { seconds: BigInt(Math.floor(retryMs / 1e3)), nanos: (retryMs % 1e3) * 1e6 };
    add(RetryInfoSchema, { retryDelay });
  }
  return error;
}

/** A client of a mesh that refuses the first calls so, and counts them. */
function refusing(refusals: ConnectError[], options: ClientOptions = {}) {
  const { promise: ended, resolve: end } = deferred();
  const mesh = { calls: 0, ended };
  const begin = () => {
    mesh.calls += 1;
    const error = refusals.shift();
    if (error) throw error;
  };
  const response = create(ComputeResponseSchema, { outcome: Outcome.OK, result: "42" });
  const service: ServiceImpl<typeof ComputeService> = {
    async compute(request, { signal }) {
      begin();
      if (request.algorithm === "test.forever") await aborted(signal);
      return response;
    },
    async *computeStream(request, { signal }) {
      begin();
      signal.addEventListener("abort", end);
      yield { sequence: 1n, event: { case: "output", value: { text: "a" } } };
      if (request.algorithm === "test.cut") throw refusal(Code.Unavailable, "NOT_STARTED");
      if (request.algorithm === "test.forever") await aborted(signal);
      yield { sequence: 2n, event: { case: "response", value: response } };
    },
  };
  const transport = createRouterTransport(({ service: add }) => {
    add(ComputeService, service);
  });
  return { client: new Client(transport, options), mesh };
}

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test("what did not begin is tried again", async () => {
  const { client, mesh } = refusing([
    refusal(Code.ResourceExhausted, "QUEUE_FULL", 1),
    refusal(Code.Unavailable, "NOT_STARTED", 1),
  ]);
  assert.equal((await client.compute("test.it")).value, 42);
  assert.equal(mesh.calls, 3);
});

test("what may have begun is not tried again", async () => {
  for (const error of [
    refusal(Code.Unavailable, "EXECUTOR_LOST"),
    new ConnectError("Stream closed", Code.Unavailable),
    refusal(Code.ResourceExhausted, "PAYLOAD_TOO_LARGE"),
  ]) {
    const { client, mesh } = refusing([error]);
    await assert.rejects(client.compute("test.it"), RefusedError);
    assert.equal(mesh.calls, 1, String(error));
  }
  const { client, mesh } = refusing([]);
  await assert.rejects(async () => {
    for await (const _ of client.stream("test.cut"));
  }, RefusedError);
  assert.equal(mesh.calls, 1);
});

test("a wait that ends after the deadline is not begun", async () => {
  const { client, mesh } = refusing([refusal(Code.ResourceExhausted, "COMPUTE_SPENT", 3_600_000)]);
  await assert.rejects(client.compute("test.it"), { retryAfterMs: 3_600_000 });
  assert.equal(mesh.calls, 1);
});

test("the budget of retries is shared", async () => {
  const refusals = Array.from({ length: 5 }, () => refusal(Code.Unavailable, "NOT_STARTED", 1));
  const { client, mesh } = refusing(refusals, { retries: { budget: 1 } });
  await assert.rejects(client.compute("test.it"), RefusedError);
  await assert.rejects(client.compute("test.it"), RefusedError);
  assert.equal(mesh.calls, 3);
});

test("a refusal has all that the mesh says", async () => {
  const error = refusal(Code.InvalidArgument, "INVALID_PARAMETER");
  error.details.push({
    desc: BadRequestSchema,
    value: { fieldViolations: [{ field: "parameters.norm", description: "ortho" }] },
  });
  error.details.push({
    desc: QuotaFailureSchema,
    value: { violations: [{ subject: "tenant:physics", description: "rate" }] },
  });
  await assert.rejects(refusing([error]).client.compute("test.it"), {
    name: "RefusedError",
    message: "INVALID_PARAMETER: refused\n  parameters.norm: ortho",
    code: "INVALID_ARGUMENT",
    reason: "INVALID_PARAMETER",
    violations: [{ field: "parameters.norm", description: "ortho" }],
    quotas: [{ subject: "tenant:physics", description: "rate" }],
    metadata: { limit: "4" },
  });
});

test("the time given ends a call", async () => {
  const { client } = refusing([], { timeoutMs: 20 });
  await assert.rejects(client.compute("test.forever"), { code: "DEADLINE_EXCEEDED" });
});

test("a signal ends a call, a stream and a wait between attempts", async () => {
  const reason = new Error("enough");
  const { client, mesh } = refusing([]);
  const calling = new AbortController();
  const call = client.compute("test.forever", { signal: calling.signal });
  calling.abort(reason);
  await assert.rejects(call, reason);

  const streaming = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of client.stream("test.forever", { signal: streaming.signal })) {
      streaming.abort(reason);
    }
  }, reason);

  const waiting = new AbortController();
  const delayed = refusing([refusal(Code.Unavailable, "NOT_STARTED", 30_000)]).client;
  setTimeout(() => waiting.abort(reason), 10);
  await assert.rejects(delayed.compute("test.it", { signal: waiting.signal }), reason);
  await mesh.ended;
});

test("who leaves the loop ends the work", async () => {
  const { client, mesh } = refusing([]);
  for await (const _ of client.stream("test.forever")) break;
  await mesh.ended;
});

test("events of a job go on where they were cut off", async () => {
  let cut = false;
  const asked: bigint[] = [];
  const transport = createRouterTransport(({ rpc }) => {
    rpc(JobService.method.streamJobEvents, async function* ({ afterSequence }) {
      asked.push(afterSequence);
      for (const at of [1, 2, 3].slice(Number(afterSequence))) {
        if (at === 2 && !cut) {
          cut = true;
          throw new ConnectError("cut", Code.Unavailable);
        }
        const state = STATES[at - 1] ?? JobState.UNSPECIFIED;
        yield { event: { sequence: BigInt(at), event: { case: "state", value: state } } };
      }
    });
  });
  const states: unknown[] = [];
  for await (const event of new Client(transport).job("1").events()) {
    states.push("state" in event && event.state);
  }
  assert.deepEqual(states, ["QUEUED", "RUNNING", "SUCCEEDED"]);
  assert.deepEqual(asked, [0n, 1n]);
});
