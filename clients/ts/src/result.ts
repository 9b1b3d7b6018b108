/** What came of a piece of work, and what happens while it runs. */
import { FailedError } from "./errors.js";
import {
  type ComputeEvent,
  type ComputeResponse,
  type Failure as FailureMessage,
  Outcome as Outcomes,
  OutputStream,
} from "./gen/edgemesh/compute/v1/compute_pb.js";
import { Tensor } from "./tensor.js";

/** How work ended; one that this client is too old to know is its number. */
export type Outcome = keyof typeof Outcomes | `${number}`;

/** Why work did not end well. */
export interface Failure {
  /** What kind, e.g. "ZeroDivisionError", "TimeLimit". */
  readonly type: string;
  readonly message: string;
  /** The program's own frames. */
  readonly traceback: string;
  /** The signal that ended the worker; 0: none. */
  readonly signal: number;
  readonly exitCode: number;
  /** The limit that was passed, e.g. "run_time_ms". */
  readonly limit?: { readonly name: string; readonly value: number };
  readonly notes: readonly string[];
  /** The members of a group of exceptions. */
  readonly exceptions: readonly Failure[];
}

/** What work used. */
export interface Usage {
  readonly queueUs: number;
  readonly runUs: number;
  readonly totalUs: number;
  readonly cpuUs: number;
  readonly fuel: number;
  readonly peakMemoryBytes: number;
  readonly executor: string;
  readonly version: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** The result of one call. */
export interface Result {
  readonly outcome: Outcome;
  /**
   * The JSON result; undefined where an algorithm gives tensors alone. What of Python's values JSON
   * lacks is an object with the key "$type"; an array that is the whole result is
   * `outputs.output`.
   */
  readonly value: unknown;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly stdout: string;
  readonly stderr: string;
  readonly failure?: Failure;
  readonly usage: Usage;
  /** What ran, with its version. */
  readonly algorithm: string;
  readonly requestId: string;
  readonly capabilities: readonly string[];
}

/** What happens while work runs; the last is `result`. */
export type Event =
  | { readonly type: "text"; readonly text: string; readonly stderr: boolean }
  | {
      readonly type: "token";
      readonly text: string;
      readonly id: number;
      readonly logprob?: number;
    }
  | { readonly type: "progress"; readonly fraction: number; readonly message: string }
  | { readonly type: "partial"; readonly name: string; readonly tensor: Tensor }
  | { readonly type: "result"; readonly result: Result };

/** A response of the contract. Throws TensorError. */
export function readResult(response: ComputeResponse): Result {
  const { usage } = response;
  const outputs = Object.entries(response.outputs).map(([name, each]) => [name, Tensor.read(each)]);
  return {
    outcome: (Outcomes[response.outcome] ?? String(response.outcome)) as Outcome,
    value: response.result ? JSON.parse(response.result) : undefined,
    outputs: Object.fromEntries(outputs),
    stdout: response.stdout,
    stderr: response.stderr,
    ...(response.failure && { failure: readFailure(response.failure) }),
    usage: {
      queueUs: Number(usage?.queueUs ?? 0),
      runUs: Number(usage?.runUs ?? 0),
      totalUs: Number(usage?.totalUs ?? 0),
      cpuUs: Number(usage?.cpuUs ?? 0),
      fuel: Number(usage?.fuel ?? 0),
      peakMemoryBytes: Number(usage?.peakMemoryBytes ?? 0),
      executor: usage?.executor ?? "",
      version: usage?.version ?? "",
      inputTokens: Number(usage?.inputTokens ?? 0),
      outputTokens: Number(usage?.outputTokens ?? 0),
    },
    algorithm: response.algorithm,
    requestId: response.requestId,
    capabilities: response.capabilities,
  };
}

/** The same; throws FailedError unless it is OK, or nobody asks. */
export function checked(response: ComputeResponse, check = true): Result {
  const result = readResult(response);
  if (check && result.outcome !== "OK") throw new FailedError(result);
  return result;
}

/** An event of the contract; undefined for one that this client does not know. */
export function readEvent({ event }: ComputeEvent, check = true): Event | undefined {
  switch (event.case) {
    case "output": {
      const { text, stream } = event.value;
      return { type: "text", text, stderr: stream === OutputStream.STDERR };
    }
    case "token": {
      const { text, id, logprob } = event.value;
      return { type: "token", text, id, ...(logprob !== undefined && { logprob }) };
    }
    case "progress": {
      const { fraction, message } = event.value;
      return { type: "progress", fraction, message };
    }
    case "tensor": {
      const { name, tensor } = event.value;
      return tensor && { type: "partial", name, tensor: Tensor.read(tensor) };
    }
    case "response":
      return { type: "result", result: checked(event.value, check) };
    default:
      return undefined;
  }
}

function readFailure(failure: FailureMessage): Failure {
  const { limit } = failure;
  return {
    type: failure.type,
    message: failure.message,
    traceback: failure.traceback,
    signal: failure.signal,
    exitCode: failure.exitCode,
    ...(limit && { limit: { name: limit.name, value: Number(limit.value) } }),
    notes: failure.notes,
    exceptions: failure.exceptions.map(readFailure),
  };
}
