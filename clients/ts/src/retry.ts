/** Calls with deadlines, signals and retries. Knows no transport. */
import { RefusedError } from "./errors.js";
import type { CallOptions } from "./request.js";
import { mayRetry, refused } from "./translate.js";

/**
 * How often, and after what, a call that did not begin is made again.
 *
 * Waits are what the mesh asks for (RetryInfo), or else `firstMs`, doubled each time, at most
 * `mostMs`, less up to half of it at random. None is made that would end after the call's deadline.
 * All calls of a client share the budget: a retry takes 1 of it, a call that ends well gives 0.1
 * back; where it is spent, errors come back at once.
 */
export interface Retries {
  /** In all, the first included; 1: no retries. */
  readonly attempts: number;
  readonly firstMs: number;
  readonly mostMs: number;
  readonly budget: number;
}

export const DEFAULT_RETRIES: Retries = { attempts: 4, firstMs: 100, mostMs: 5000, budget: 10 };
const GIVEN_BACK = 0.1;
/** What gRPC's header of eight digits can say; more is for ever. */
const MOST_MS = 99_999_999;

/** The header by which a transport is told how long an attempt may take, in milliseconds. */
export const DEADLINE = "edgemesh-deadline-ms";

/** What one attempt is given: its end, and what tells the mesh of it. */
export interface Attempt {
  readonly signal: AbortSignal;
  readonly headers: Record<string, string>;
}

/** A client's way to call. */
export class Caller {
  private left: number;

  constructor(
    private readonly timeoutMs: number,
    private readonly retries: Retries,
  ) {
    this.left = retries.budget;
  }

  /** One call, with its retries; `safe`: it may be sent again though it may have begun. */
  async once<R>(
    call: (attempt: Attempt) => Promise<R>,
    options: CallOptions,
    safe: boolean,
  ): Promise<R> {
    const ends = this.ends(options);
    for (let number = 0; ; number++) {
      const clock = new Clock(options, ends);
      let fault: unknown;
      try {
        const answer = await call(clock.attempt);
        this.well();
        return answer;
      } catch (error) {
        fault = clock.fault(error);
      } finally {
        clock.stop();
      }
      await this.again(fault, number, options, ends, safe);
    }
  }

  /** One streamed call, tried again as long as nothing of it has come. */
  async *each<R>(
    call: (attempt: Attempt) => AsyncIterable<R>,
    options: CallOptions,
    safe: boolean,
  ): AsyncGenerator<R, void, undefined> {
    const ends = this.ends(options);
    for (let number = 0; ; number++) {
      const clock = new Clock(options, ends);
      const answers = call(clock.attempt)[Symbol.asyncIterator]();
      let came = false;
      let fault: unknown;
      try {
        for (;;) {
          const { done, value } = await answers.next();
          if (done) break;
          came = true;
          yield value;
        }
        this.well();
        return;
      } catch (error) {
        fault = clock.fault(error);
        if (came) throw fault;
      } finally {
        clock.stop(); // ends what the caller leaves; `return` may wait for the other side's end
        answers.return?.().catch(() => undefined);
      }
      await this.again(fault, number, options, ends, safe);
    }
  }

  private ends(options: CallOptions): number {
    return performance.now() + (options.timeoutMs ?? this.timeoutMs);
  }

  /** Waits until the next attempt. Throws where there is to be none. */
  private async again(
    found: unknown,
    number: number,
    options: CallOptions,
    ends: number,
    safe: boolean,
  ): Promise<void> {
    if (!(found instanceof RefusedError)) throw found;
    const { attempts, firstMs, mostMs } = this.retries;
    if (number + 1 >= attempts || !mayRetry(found, safe)) throw found;
    const doubled = Math.min(mostMs, firstMs * 2 ** number) * (0.5 + Math.random() / 2);
    const wait = found.retryAfterMs ?? doubled;
    if (performance.now() + wait >= ends || this.left < 1) throw found;
    this.left -= 1;
    await pause(wait, options.signal);
  }

  private well(): void {
    this.left = Math.min(this.retries.budget, this.left + GIVEN_BACK);
  }
}

/** One attempt's end: by its time, by the caller's signal, or when it is stopped. */
class Clock {
  readonly attempt: Attempt;
  private readonly controller = new AbortController();
  private readonly timer: ReturnType<typeof setTimeout> | undefined;
  private late = false;

  constructor(
    private readonly options: CallOptions,
    ends: number,
  ) {
    options.signal?.throwIfAborted();
    const ms = Math.ceil(ends - performance.now());
    if (ms <= 0) {
      throw new RefusedError("DEADLINE_EXCEEDED", "the time given was over before the call");
    }
    const bounded = ms <= MOST_MS;
    this.timer = bounded ? setTimeout(this.expire, ms) : undefined;
    options.signal?.addEventListener("abort", this.stop);
    const headers: Record<string, string> = bounded ? { [DEADLINE]: String(ms) } : {};
    this.attempt = { signal: this.controller.signal, headers };
  }

  /** What an error is: the signal's reason where it was the caller who ended it. */
  fault(error: unknown): unknown {
    if (this.options.signal?.aborted) return this.options.signal.reason;
    if (this.late) return new RefusedError("DEADLINE_EXCEEDED", "the time given was over");
    return refused(error);
  }

  /** Ends it, if it has not ended. */
  readonly stop = (): void => {
    clearTimeout(this.timer);
    this.options.signal?.removeEventListener("abort", this.stop);
    this.controller.abort();
  };

  private readonly expire = (): void => {
    this.late = true;
    this.stop();
  };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
