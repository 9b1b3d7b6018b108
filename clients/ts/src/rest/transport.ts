/**
 * Calls of the contract over the gateway's REST, by `fetch`.
 *
 * What the mesh refuses is the same ConnectError, with the same details, that gRPC would have given.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type JsonObject,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import { read } from "./plain.js";
import { error, failed, type Problem } from "./problem.js";
import { type Route, routeOf } from "./routes.js";
import { serverEvents } from "./sse.js";

/** What carries requests; `fetch` itself, or something that looks the same. */
export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export class RestTransport implements Transport {
  constructor(
    private readonly base: string,
    private readonly apiKey: string | undefined,
    private readonly fetcher: Fetch,
  ) {}

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    _timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const asked = create(method.input, input);
    const route = needed(method);
    const message = await within(signal, async () => {
      const response = await this.fetch(route, asked, signal, header, "application/json");
      return answer(method.output, route, response);
    });
    const { parent: service } = method;
    const none = new Headers();
    return { stream: false, service, method, header: none, trailer: none, message };
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    _timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const route = needed(method);
    const response = await within(signal, async () => {
      for await (const each of input) {
        const asked = create(method.input, each);
        return await this.fetch(route, asked, signal, header, "text/event-stream");
      }
      throw new ConnectError("a stream is asked for by one message", Code.Internal);
    });
    const message = events(method.output, route, response, signal);
    const { parent: service } = method;
    const none = new Headers();
    return { stream: true, service, method, header: none, trailer: none, message };
  }

  private async fetch<M>(
    route: Route<M>,
    asked: M,
    signal: AbortSignal | undefined,
    given: HeadersInit | undefined,
    accept: string,
  ): Promise<Response> {
    const url = new URL(`${this.base}/api/v1/${route.path(asked)}`);
    for (const [name, value] of Object.entries(route.query?.(asked) ?? {})) {
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each) url.searchParams.append(name, String(each));
      }
    }
    const headers = new Headers(given); // with the deadline, by the name that REST has for it
    headers.set("Accept", accept);
    if (this.apiKey) headers.set("Authorization", `Bearer ${this.apiKey}`);
    const init: RequestInit = { method: route.verb, headers, signal: signal ?? null };
    const body = route.body?.(asked);
    if (body instanceof Uint8Array) {
      init.body = new Blob([body as Uint8Array<ArrayBuffer>]);
    } else if (body) {
      headers.set("Content-Type", "application/json");
      init.body = JSON.stringify(body);
    }
    const response = await this.fetcher(url.href, init);
    if (!response.ok) throw await failed(response);
    return response;
  }
}

/** What `work` gives; what goes wrong on the way is a ConnectError. */
async function within<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (reason) {
    throw fault(signal, reason);
  }
}

function fault(signal: AbortSignal | undefined, reason: unknown): ConnectError {
  if (reason instanceof ConnectError) return reason;
  if (signal?.aborted) return new ConnectError("it was cancelled", Code.Canceled);
  // A TypeError is all that `fetch` says of a connection; Node has the rest in its cause.
  const cause = (reason as { cause?: { code?: string } }).cause?.code ?? "";
  const text = reason instanceof Error ? reason.message : String(reason);
  const code = reason instanceof TypeError ? Code.Unavailable : Code.Internal;
  return new ConnectError([text, cause].filter(Boolean).join(": "), code);
}

function needed<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
): Route<MessageShape<I>> {
  const route = routeOf(method);
  if (!route) throw new ConnectError(`REST has no ${method.name}`, Code.Unimplemented);
  return route;
}

async function answer<O extends DescMessage, M>(
  schema: O,
  route: Route<M>,
  response: Response,
): Promise<MessageShape<O>> {
  if (route.bytes) {
    const data = new Uint8Array(await response.arrayBuffer());
    return create(schema, { [route.bytes]: data } as MessageInitShape<O>);
  }
  if (response.status === 204) return create(schema);
  const plain = (await response.json()) as JsonObject;
  return read(schema, route.field ? { [route.field]: plain } : plain);
}

async function* events<O extends DescMessage, M>(
  schema: O,
  route: Route<M>,
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  const { event, verb } = route;
  if (!response.body || !event) throw new ConnectError("there is no stream", Code.Internal);
  let last = "";
  try {
    for await (const { kind, data, number } of serverEvents(response.body)) {
      const content = JSON.parse(data) as JsonObject;
      if (kind === "error") throw error(content as Problem);
      last = kind;
      yield read(schema, event(kind, content, number));
    }
  } catch (reason) {
    throw fault(signal, reason);
  }
  if (verb === "POST" && last !== "response") {
    throw new ConnectError("the stream was cut off", Code.Unavailable);
  }
}
