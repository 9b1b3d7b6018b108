/** What the parts of a client share: the services of one transport, and the way to call. */
import { createClient, type Client as Stub, type Transport } from "@connectrpc/connect";
import { AlgorithmService } from "./gen/edgemesh/compute/v1/algorithm_pb.js";
import { ComputeService } from "./gen/edgemesh/compute/v1/compute_pb.js";
import { JobService } from "./gen/edgemesh/compute/v1/job_pb.js";
import { SessionService } from "./gen/edgemesh/compute/v1/session_pb.js";
import type { CallOptions } from "./request.js";
import { type Attempt, Caller, DEFAULT_RETRIES, type Retries } from "./retry.js";

/** How a client calls. */
export interface ClientOptions {
  /** An API key or a token, shown as the bearer. */
  readonly apiKey?: string | undefined;
  /** How long a call may take, retries included, that does not say so itself; a minute. */
  readonly timeoutMs?: number;
  readonly retries?: Partial<Retries>;
}

export class Link {
  readonly compute: Stub<typeof ComputeService>;
  readonly algorithms: Stub<typeof AlgorithmService>;
  readonly jobs: Stub<typeof JobService>;
  readonly sessions: Stub<typeof SessionService>;
  private readonly caller: Caller;

  constructor(transport: Transport, options: ClientOptions) {
    this.compute = createClient(ComputeService, transport);
    this.algorithms = createClient(AlgorithmService, transport);
    this.jobs = createClient(JobService, transport);
    this.sessions = createClient(SessionService, transport);
    this.caller = new Caller(options.timeoutMs ?? 60_000, {
      ...DEFAULT_RETRIES,
      ...options.retries,
    });
  }

  /** One call; `safe`: it may be sent again though it may have begun. */
  call<R>(call: (attempt: Attempt) => Promise<R>, options: CallOptions, safe = true): Promise<R> {
    return this.caller.once(call, options, safe);
  }

  /** One streamed call. */
  follow<R>(
    call: (attempt: Attempt) => AsyncIterable<R>,
    options: CallOptions,
    safe: boolean,
  ): AsyncGenerator<R, void, undefined> {
    return this.caller.each(call, options, safe);
  }
}
