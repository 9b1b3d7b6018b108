// Runs one program and tells what became of it, as JSON. Evaluated once, when the image is made.
// What a program may change (JSON, console, Promise) is held here by names of our own.
(() => {
  "use strict";
  const { parse, stringify } = JSON;
  const { evalScript, out, err } = std;
  const text = String;
  const evaluate = (code, options) => evalScript(code, { backtrace_barrier: true, ...options });

  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value === null || typeof value !== "object") return text(value);
    if (value instanceof Error) return `${value}\n${value.stack}`;
    try {
      return stringify(value) ?? text(value);
    } catch {
      return text(value);
    }
  };
  const printer = (file) => (...values) => {
    file.puts(values.map(shown).join(" ") + "\n");
    file.flush();
  };
  const toStdout = printer(out);
  const toStderr = printer(err);
  Object.assign(console, {
    log: toStdout, info: toStdout, debug: toStdout, warn: toStderr, error: toStderr,
  });
  globalThis.print = toStdout;
  for (const name of ["setTimeout", "clearTimeout", "setInterval", "clearInterval"]) {
    globalThis[name] ??= os[name];
  }

  // The engine's own generator was seeded when the image was made: sfc32, seeded for each run.
  const reseed = ([a, b, c, d]) => {
    Math.random = function random() {
      const sum = (a + b + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + sum | 0;
      return ((sum >>> 0) + (c >>> 0) * 2 ** -21 % 1) / 2 ** 32;
    };
  };

  const encode = function (key, value) {
    const raw = this[key];
    if (typeof raw === "bigint") {
      const sign = raw < 0n ? "-" : "";
      return { $type: "int", value: `${sign}0x${(raw < 0n ? -raw : raw).toString(16)}` };
    }
    if (typeof value === "number" && !Number.isFinite(value)) {
      const name = Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
      return { $type: "float", value: name };
    }
    if (raw instanceof Map) return Object.fromEntries(raw);
    if (raw instanceof Set) return [...raw];
    if (ArrayBuffer.isView(raw) && !(raw instanceof DataView)) return [...raw];
    return value;
  };

  const failure = (thrown) => {
    if (!(thrown instanceof Error)) return { type: typeof thrown, message: shown(thrown) };
    const stack = text(thrown.stack ?? "").replaceAll("<evalScript>", "program.js").trimEnd();
    return { type: text(thrown.name), message: text(thrown.message), traceback: stack };
  };

  const run = async (code, inputs, stdin, seed) => {
    reseed(seed);
    globalThis.inputs = parse(inputs);
    globalThis.stdin = stdin;
    let value;
    try {
      value = await (await evaluate(code, { async: true })).value;
      const named = evaluate("typeof output === 'undefined' ? undefined : output");
      if (named !== undefined) value = await named;
    } catch (thrown) {
      return stringify({ failure: failure(thrown) });
    } finally {
      out.flush();
      err.flush();
    }
    try {
      return stringify({ result: value }, encode);
    } catch (thrown) {
      return stringify({ failure: { type: "OutputError", message: text(thrown.message) } });
    }
  };
  Object.defineProperty(globalThis, "__edgemesh", { value: run });
})();
