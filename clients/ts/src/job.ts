/** Jobs: work that is done though nobody waits for it. */
import { create } from "@bufbuild/protobuf";
import { RefusedError } from "./errors.js";
import {
  type JobEvent as EventMessage,
  JobState as JobStates,
  type Job as Message,
  type SubmitJobRequest,
  SubmitJobRequestSchema,
} from "./gen/edgemesh/compute/v1/job_pb.js";
import type { Link } from "./link.js";
import { type CallOptions, request, type Work } from "./request.js";
import { checked, type Event, type Result, readEvent } from "./result.js";
import { refusedJob } from "./translate.js";

/** How long the mesh is asked to wait at a time: silent connections are cut by what lies between. */
const PATIENCE_MS = 20_000;

/** Where a job is; job.proto draws the ways between them. */
export type JobState = keyof typeof JobStates;

/** What concerns jobs alone; what is not given is the mesh's default. */
export interface JobOptions {
  /** Makes it one job however often it is submitted; by default a new one, for retries. */
  readonly jobRequestId?: string;
  /** How often it may be begun. */
  readonly maxAttempts?: number;
  readonly attemptTimeoutMs?: number;
  /** How long the whole may take, waiting included. */
  readonly jobTimeoutMs?: number;
  /** How long it is kept after its end. */
  readonly resultTtlMs?: number;
  /** It may run more than once, whatever its algorithm says. */
  readonly idempotent?: boolean;
  /** A URL that is told of its end, where the mesh's operator allows it. */
  readonly webhook?: string;
}

/** What a job is now. */
export interface JobInfo {
  readonly id: string;
  readonly requestId: string;
  readonly algorithm: string;
  readonly state: JobState;
  /** Whether its end was asked for. */
  readonly cancelling: boolean;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly created: Date;
  readonly started?: Date;
  readonly ended?: Date;
  /** The sequence of its newest event. */
  readonly lastEvent: number;
}

/** One thing that happened to a job: it came into a state, or its work told something. */
export type JobEvent = {
  /** 1, 2, 3, … within a job, without gaps. */
  readonly sequence: number;
  readonly at: Date;
  /** In which attempt; 0: before the first. */
  readonly attempt: number;
} & ({ readonly state: JobState } | { readonly work: Event });

/** A job by its id. The mesh has the rest. */
export class Job {
  constructor(
    private readonly link: Link,
    readonly id: string,
  ) {}

  /** What it is now. */
  async info(options: CallOptions = {}): Promise<JobInfo> {
    const answer = await this.link.call(
      (attempt) => this.link.jobs.getJob({ id: this.id }, attempt),
      options,
    );
    return readJob(need(answer.job));
  }

  /**
   * Waits for its end, for ever unless told otherwise, and gives its result. Throws FailedError where
   * it ended otherwise than OK, RefusedError where it has no response (cancelled, expired, refused).
   */
  async wait(options: CallOptions = {}): Promise<Result> {
    const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
    const ends = performance.now() + timeoutMs;
    for (;;) {
      const left = ends - performance.now();
      if (left <= 0) throw new RefusedError("DEADLINE_EXCEEDED", "the job has not ended yet");
      const patience = Math.max(1, Math.ceil(Math.min(left, PATIENCE_MS)));
      const answer = await this.link.call(
        (attempt) => this.link.jobs.waitJob({ id: this.id, timeoutMs: BigInt(patience) }, attempt),
        { signal, timeoutMs: patience + PATIENCE_MS },
      );
      const { result, state } = need(answer.job);
      if (state === JobStates.QUEUED || state === JobStates.RUNNING) continue;
      if (result.case === "response") return checked(result.value);
      if (result.case === "error") throw refusedJob(result.value);
      throw new RefusedError("UNKNOWN", `the job ended as ${JobStates[state]} with nothing`);
    }
  }

  /** Asks for its end; one that has ended is left as it is. */
  async cancel(options: CallOptions = {}): Promise<void> {
    await this.link.call((attempt) => this.link.jobs.cancelJob({ id: this.id }, attempt), options);
  }

  /** Forgets one that has ended, with its result and events. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.link.call(
      (attempt) => this.link.jobs.deleteJob({ id: this.id }, attempt),
      options,
      false,
    );
  }

  /**
   * What happened to it after that sequence, and then what happens, until its end. Where the
   * connection is cut it goes on after the last that was seen.
   */
  async *events(
    options: CallOptions & { readonly after?: number } = {},
  ): AsyncGenerator<JobEvent, void, undefined> {
    const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options;
    let seen = options.after ?? 0;
    for (;;) {
      const began = seen;
      try {
        const asked = { id: this.id, afterSequence: BigInt(seen) };
        for await (const { event } of this.link.follow(
          (attempt) => this.link.jobs.streamJobEvents(asked, attempt),
          { signal, timeoutMs },
          true,
        )) {
          const told = event && readJobEvent(event);
          if (event) seen = Number(event.sequence);
          if (told) yield told;
        }
        return;
      } catch (error) {
        const cut = error instanceof RefusedError && error.code === "UNAVAILABLE";
        if (!cut || seen === began) throw error;
      }
    }
  }
}

/** The contract's message. */
export function submission(algorithm: string, work: Work & JobOptions): SubmitJobRequest {
  return create(SubmitJobRequestSchema, {
    requestId: work.jobRequestId ?? crypto.randomUUID(),
    maxAttempts: work.maxAttempts ?? 0,
    attemptTimeoutMs: BigInt(work.attemptTimeoutMs ?? 0),
    timeoutMs: BigInt(work.jobTimeoutMs ?? 0),
    resultTtlMs: BigInt(work.resultTtlMs ?? 0),
    idempotent: work.idempotent ?? false,
    ...(work.webhook && { webhook: { url: work.webhook } }),
    request: request(algorithm, work),
  });
}

export function readJob(job: Message): JobInfo {
  return {
    id: job.id,
    requestId: job.requestId,
    algorithm: job.algorithm,
    state: JobStates[job.state] as JobState,
    cancelling: job.cancelling,
    attempts: job.attempts,
    maxAttempts: job.maxAttempts,
    created: new Date(Number(job.createdMs)),
    ...(job.startedMs && { started: new Date(Number(job.startedMs)) }),
    ...(job.endedMs && { ended: new Date(Number(job.endedMs)) }),
    lastEvent: Number(job.lastEvent),
  };
}

/** What an answer must have. */
export function need<T>(part: T | undefined): T {
  if (part === undefined) throw new RefusedError("INTERNAL", "the mesh's answer is not whole");
  return part;
}

function readJobEvent(event: EventMessage): JobEvent | undefined {
  const base = {
    sequence: Number(event.sequence),
    at: new Date(Number(event.atMs)),
    attempt: event.attempt,
  };
  if (event.event.case === "state") {
    return { ...base, state: JobStates[event.event.value] as JobState };
  }
  const work = event.event.case === "work" ? readEvent(event.event.value) : undefined;
  return work && { ...base, work };
}
