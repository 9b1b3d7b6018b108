/** Each way to a running mesh does the same. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FailedError, type JobState, RefusedError, type Result, Tensor } from "../src/index.js";
import { needsMesh, WAYS } from "./mesh.js";

for (const [way, connect] of Object.entries(WAYS)) {
  describe(`a mesh by ${way}`, needsMesh, () => {
    test("transforms a matrix there and back", async () => {
      const client = connect();
      const x = Tensor.of(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
      const forward = await client.compute("cpp.fft", {
        inputs: { x },
        parameters: { norm: "ortho" },
      });
      const y = forward.outputs.y;
      assert(y);
      assert.deepEqual([y.dtype, y.shape], ["complex64", [2, 3]]);
      const back = await client.compute("cpp.ifft", {
        inputs: { x: y },
        parameters: { norm: "ortho" },
      });
      const values = back.outputs.y?.values("complex64") ?? [];
      for (const [at, value] of values.entries()) {
        const expected = at % 2 ? 0 : at / 2 + 1;
        assert(Math.abs(value - expected) < 1e-5, `element ${at} is ${value}`);
      }
    });

    test("names the field that is wrong", async () => {
      const work = { inputs: { x: [1, 2] }, parameters: { norm: "loud" } };
      await assert.rejects(connect().compute("cpp.fft", work), (error: unknown) => {
        assert(error instanceof RefusedError);
        assert.equal(error.code, "INVALID_ARGUMENT");
        assert.equal(error.reason, "INVALID_PARAMETER");
        assert.deepEqual(
          error.violations.map(({ field }) => field),
          ["parameters.norm"],
        );
        return true;
      });
    });

    test("knows its callers", async () => {
      const wrong = connect("em_wrong").runPython("1");
      await assert.rejects(wrong, { code: "UNAUTHENTICATED", reason: "UNAUTHENTICATED" });
    });

    test("tells what it can compute", async () => {
      const client = connect();
      const found = await client.algorithm("cpp.fft");
      assert.equal(found.executor, "cpp");
      assert.equal(found.inputs[0]?.name, "x");
      assert(found.inputs[0].dtypes.includes("complex128"));
      assert.equal((found.parametersSchema as { type: string }).type, "object");
      const names = (await client.algorithms("python")).map(({ name }) => name);
      assert(names.includes("python.run"), `${names}`);
      await assert.rejects(client.algorithm("cpp.fff"), { reason: "UNKNOWN_ALGORITHM" });
    });

    test("runs Python with values and arrays", async () => {
      const code = "print('so far')\noutput = {'day': inputs['day'], 'sum': inputs['x'].sum()}";
      const inputs = { day: "Monday", x: new BigInt64Array([2n ** 40n, 1n]) };
      const result = await connect().runPython(code, { inputs });
      assert.deepEqual(result.value, { day: "Monday", sum: 2 ** 40 + 1 });
      assert.equal(result.stdout, "so far\n");
      const doubled = await connect().runPython("inputs['x'] * 2", {
        inputs: { x: Tensor.of([1, 2]) },
      });
      assert.deepEqual(doubled.outputs.output?.values("float64"), new Float64Array([2, 4]));
    });

    test("says how work failed", async () => {
      const client = connect();
      await assert.rejects(client.runPython("print('so far'); 1 / 0"), (error: unknown) => {
        assert(error instanceof FailedError);
        assert.equal(error.result.stdout, "so far\n");
        assert.equal(error.message, "EXCEPTION: ZeroDivisionError: division by zero");
        return true;
      });
      const limits = { runTimeMs: 300 };
      const stopped = await client.runPython("while True: pass", { limits, check: false });
      assert.equal(stopped.outcome, "TIMEOUT");
      assert.deepEqual(stopped.failure?.limit, { name: "run_time_ms", value: 300 });
    });

    test("streams what is printed, and the result last", async () => {
      let printed = "";
      let last: Result | undefined;
      for await (const event of connect().streamPython("for n in range(3): print(n)\n'end'")) {
        assert.equal(last, undefined);
        if (event.type === "text") printed += event.text;
        if (event.type === "result") last = event.result;
      }
      assert.equal(printed, "0\n1\n2\n");
      assert.equal(last?.value, "end");
      await assert.rejects(async () => {
        for await (const _ of connect().streamPython("1 / 0"));
      }, FailedError);
      await assert.rejects(async () => {
        for await (const _ of connect().stream("cpp.fff"));
      }, RefusedError);
    });

    test("ends what its caller leaves", async () => {
      const client = connect();
      const leaving = new AbortController();
      const code = "print('begun', flush=True)\nwhile True: pass";
      const reason = new Error("left");
      await assert.rejects(async () => {
        for await (const event of client.streamPython(code, { signal: leaving.signal })) {
          if (event.type === "text") leaving.abort(reason);
        }
      }, reason);
      for await (const event of client.streamPython(code)) {
        if (event.type === "text") break;
      }
      // There are two workers: neither is taken any more.
      const both = [client.runPython("1"), client.runPython("2")];
      assert.deepEqual(
        (await Promise.all(both)).map(({ value }) => value),
        [1, 2],
      );
      const aborted = AbortSignal.abort(reason);
      await assert.rejects(client.runPython("1", { signal: aborted }), reason);
    });

    test("keeps jobs", async () => {
      const client = connect();
      const job = await client.submit("python.run", {
        parameters: { code: "for n in range(3): print(n)\n6 * 7" },
      });
      const states: JobState[] = [];
      let printed = "";
      for await (const event of job.events()) {
        if ("state" in event) states.push(event.state);
        else if (event.work.type === "text") printed += event.work.text;
      }
      assert.deepEqual(states, ["QUEUED", "RUNNING", "SUCCEEDED"]);
      assert.equal(printed, "0\n1\n2\n");
      assert.equal((await job.wait()).value, 42);
      for await (const found of client.jobs(["SUCCEEDED"])) {
        assert.equal(found.id, job.id);
        assert(found.ended);
        break;
      }
      await job.delete();
      await assert.rejects(job.info(), { reason: "UNKNOWN_JOB" });
    });

    test("cancels a job", async () => {
      const client = connect();
      const work = { parameters: { code: "while True: pass" }, jobTimeoutMs: 60_000 };
      const job = await client.submit("python.run", work);
      await assert.rejects(job.wait({ timeoutMs: 1 }), { code: "DEADLINE_EXCEEDED" });
      await job.cancel();
      await assert.rejects(job.wait(), (error: unknown) => {
        assert(error instanceof RefusedError || error instanceof FailedError);
        return true;
      });
      assert.equal((await job.info()).state, "CANCELLED");
    });

    test("refuses a job as it refuses a call", async () => {
      const job = await connect().submit("cpp.fft", { parameters: { norm: "loud" } });
      await assert.rejects(job.wait(), (error: unknown) => {
        assert(error instanceof RefusedError);
        assert(
          error.violations.some(({ field }) => field === "parameters.norm"),
          error.message,
        );
        return true;
      });
    });

    test("has sessions", async () => {
      const client = connect();
      const session = client.session();
      await session.run("def f(n): return n + x\nx = 1");
      assert.equal(await session.call("f", [2]), 3);
      const fork = await session.fork();
      await fork.run("x = 10");
      assert.equal(await fork.call("f", [2]), 12);
      assert.equal((await fork.undo(2)).calls, 2);
      assert.equal(await fork.call("f", [2]), 3);
      const copied = await client.importSession(crypto.randomUUID(), await session.export());
      assert.equal(await copied.call("f", [2]), 3);
      assert((await session.variables()).some(({ name, type }) => name === "x" && type === "int"));
      const names: string[] = [];
      for await (const { name } of client.sessions()) names.push(name);
      for (const each of [session, fork, copied, session]) {
        assert(names.includes(each.name));
        await each.delete();
      }
      await assert.rejects(session.info(), { reason: "UNKNOWN_SESSION" });
    });
  });
}
