/** A client of one mesh, whatever carries its calls. */
import type { Transport } from "@connectrpc/connect";
import { type Algorithm, readAlgorithm } from "./algorithm.js";
import { JobState as JobStates } from "./gen/edgemesh/compute/v1/job_pb.js";
import {
  Job,
  type JobInfo,
  type JobOptions,
  type JobState,
  need,
  readJob,
  submission,
} from "./job.js";
import { type ClientOptions, Link } from "./link.js";
import { type CallOptions, type Program, program, request, type Work } from "./request.js";
import { checked, type Event, type Result, readEvent } from "./result.js";
import { readSession, Session, type SessionInfo } from "./session.js";

export class Client {
  private readonly link: Link;

  /** `connectGrpc` and `connectRest` make it. */
  constructor(transport: Transport, options: ClientOptions = {}) {
    this.link = new Link(transport, options);
  }

  /** Runs an algorithm. Throws FailedError where the work ends otherwise than OK. */
  async compute(algorithm: string, work: Work = {}): Promise<Result> {
    const asked = request(algorithm, work);
    const answer = await this.link.call(
      (attempt) => this.link.compute.compute(asked, attempt),
      work,
      false,
    );
    return checked(answer, work.check);
  }

  /**
   * Runs an algorithm and tells what happens while it does; the last event is the result. Who leaves
   * the loop before ends the work.
   */
  async *stream(algorithm: string, work: Work = {}): AsyncGenerator<Event, void, undefined> {
    const asked = request(algorithm, work);
    for await (const each of this.link.follow(
      (attempt) => this.link.compute.computeStream(asked, attempt),
      work,
      false,
    )) {
      const event = readEvent(each, work.check);
      if (event) yield event;
    }
  }

  /** Runs a program of Python in the sandbox. */
  runPython(code: string, given: Program = {}): Promise<Result> {
    return this.compute("python.run", program(code, given));
  }

  /** The same, telling what it prints while it does. */
  streamPython(code: string, given: Program = {}): AsyncGenerator<Event, void, undefined> {
    return this.stream("python.run", program(code, given));
  }

  /** Hands in a job: it is on disk when this is settled. */
  async submit(algorithm: string, work: Work & JobOptions = {}): Promise<Job> {
    const asked = submission(algorithm, work);
    // With a request id it is one job, however often it is sent.
    const answer = await this.link.call(
      (attempt) => this.link.jobs.submitJob(asked, attempt),
      work,
    );
    return this.job(need(answer.job).id);
  }

  /** The job of this id; the mesh is not asked. */
  job(id: string): Job {
    return new Job(this.link, id);
  }

  /** The tenant's jobs, newest first: those in one of these states, or all. */
  async *jobs(
    states: readonly JobState[] = [],
    options: CallOptions = {},
  ): AsyncGenerator<JobInfo, void, undefined> {
    let pageToken = "";
    do {
      const asked = { states: states.map((state) => JobStates[state]), pageToken };
      const page = await this.link.call(
        (attempt) => this.link.jobs.listJobs(asked, attempt),
        options,
      );
      yield* page.jobs.map(readJob);
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** The session of this name, by default a new one; the mesh is not asked. */
  session(name: string = crypto.randomUUID()): Session {
    return new Session(this.link, name);
  }

  /** The caller's sessions, by name. */
  async *sessions(options: CallOptions = {}): AsyncGenerator<SessionInfo, void, undefined> {
    let after = "";
    do {
      const asked = { after };
      const page = await this.link.call(
        (attempt) => this.link.sessions.listSessions(asked, attempt),
        options,
      );
      yield* page.sessions.map(readSession);
      after = page.nextAfter;
    } while (after);
  }

  /** Makes a session of what `session.export` gave, here or elsewhere. */
  async importSession(name: string, data: Uint8Array, options: CallOptions = {}): Promise<Session> {
    await this.link.call(
      (attempt) => this.link.sessions.importSession({ sessionId: name, data }, attempt),
      options,
      false,
    );
    return this.session(name);
  }

  /** What the caller may run: of one namespace, or all. */
  async algorithms(namespace = "", options: CallOptions = {}): Promise<Algorithm[]> {
    const answer = await this.link.call(
      (attempt) => this.link.algorithms.listAlgorithms({ namespace }, attempt),
      options,
    );
    return answer.algorithms.map(readAlgorithm);
  }

  /** One of them. Where there is none the error has the nearest names. */
  async algorithm(name: string, options: CallOptions = {}): Promise<Algorithm> {
    const answer = await this.link.call(
      (attempt) => this.link.algorithms.getAlgorithm({ name }, attempt),
      options,
    );
    return readAlgorithm(need(answer.algorithm));
  }
}
