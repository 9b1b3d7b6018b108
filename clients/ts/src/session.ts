/** Sessions: Python that goes on from call to call. */
import { RefusedError } from "./errors.js";
import type { Session as Message } from "./gen/edgemesh/compute/v1/session_pb.js";
import { need } from "./job.js";
import type { Link } from "./link.js";
import {
  type CallOptions,
  type Json,
  type Program,
  program,
  request,
  type Work,
} from "./request.js";
import { checked, type Result } from "./result.js";

/** What a session is now. */
export interface SessionInfo {
  readonly name: string;
  /** Calls that it has kept. */
  readonly calls: number;
  /** How many of the last ones can be undone. */
  readonly undoable: number;
  readonly storedBytes: number;
  readonly created: Date;
  readonly used: Date;
}

/** A name that a session has. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
  /** Of an array or a table. */
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** A session by its name. The first call makes it. */
export class Session {
  constructor(
    private readonly link: Link,
    readonly name: string,
  ) {}

  /** Runs a program where the last has ended. */
  run(code: string, given: Program = {}): Promise<Result> {
    return this.work("python.run", program(code, given));
  }

  /** What a function that the session has returns. */
  async call(
    func: string,
    args: readonly Json[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    const parameters = { code: "", function: func, args };
    return (await this.work("python.call", { ...options, parameters })).value;
  }

  /** What it is now; before its first call there is none. */
  async info(options: CallOptions = {}): Promise<SessionInfo> {
    const answer = await this.link.call(
      (attempt) => this.link.sessions.getSession({ sessionId: this.name }, attempt),
      options,
    );
    return readSession(need(answer.session));
  }

  /** The names that it has. */
  async variables(options: CallOptions = {}): Promise<Variable[]> {
    const answer = await this.link.call(
      (attempt) => this.link.sessions.inspectSession({ sessionId: this.name }, attempt),
      options,
    );
    return answer.variables.map(({ name, type, sizeBytes, shape, dtype }) => ({
      name,
      type,
      sizeBytes: Number(sizeBytes),
      shape: shape.map(Number),
      dtype,
    }));
  }

  /** Another session that has all that this one has; by default of a new name. */
  async fork(name: string = crypto.randomUUID(), options: CallOptions = {}): Promise<Session> {
    const asked = { sessionId: this.name, forkId: name };
    await this.link.call(
      (attempt) => this.link.sessions.forkSession(asked, attempt),
      options,
      false,
    );
    return new Session(this.link, name);
  }

  /** Takes back its last calls. */
  async undo(calls = 1, options: CallOptions = {}): Promise<SessionInfo> {
    const answer = await this.link.call(
      (attempt) => this.link.sessions.undoSession({ sessionId: this.name, calls }, attempt),
      options,
      false,
    );
    return readSession(need(answer.session));
  }

  /** Makes it empty again. */
  async reset(options: CallOptions = {}): Promise<void> {
    await this.link.call(
      (attempt) => this.link.sessions.resetSession({ sessionId: this.name }, attempt),
      options,
    );
  }

  /** All of it, for `client.importSession`, here or elsewhere. It is not encrypted. */
  async export(options: CallOptions = {}): Promise<Uint8Array> {
    const answer = await this.link.call(
      (attempt) => this.link.sessions.exportSession({ sessionId: this.name }, attempt),
      options,
    );
    return answer.data;
  }

  /** Deletes it; one that is not there is none already. */
  async delete(options: CallOptions = {}): Promise<void> {
    try {
      await this.link.call(
        (attempt) => this.link.sessions.deleteSession({ sessionId: this.name }, attempt),
        options,
      );
    } catch (error) {
      if (!(error instanceof RefusedError && error.code === "NOT_FOUND")) throw error;
    }
  }

  private async work(algorithm: string, work: Work): Promise<Result> {
    const asked = request(algorithm, { ...work, session: this.name });
    const answer = await this.link.call(
      (attempt) => this.link.compute.compute(asked, attempt),
      work,
      false,
    );
    return checked(answer, work.check);
  }
}

export function readSession(session: Message): SessionInfo {
  return {
    name: session.sessionId,
    calls: Number(session.calls),
    undoable: Number(session.undoable),
    storedBytes: Number(session.storedBytes),
    created: new Date(Number(session.createdMs)),
    used: new Date(Number(session.usedMs)),
  };
}
