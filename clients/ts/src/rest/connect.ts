/** A client over REST: for browsers, and wherever HTTP is all there is. */
import { Client } from "../client.js";
import { EdgemeshError } from "../errors.js";
import type { ClientOptions } from "../link.js";
import { type Fetch, RestTransport } from "./transport.js";

/** How a client calls over REST. */
export interface RestOptions extends ClientOptions {
  /** What carries requests instead of the global `fetch`. */
  readonly fetch?: Fetch;
}

/**
 * A client of the mesh whose REST is at "http://host:port" (`EDGEMESH_GATEWAY_REST_PORT`). A page of
 * another origin must be on the gateway's list (`EDGEMESH_GATEWAY_REST_ORIGINS`).
 */
export function connectRest(url: string | URL, options: RestOptions = {}): Client {
  if (!/^https?:\/\//.test(String(url))) {
    throw new EdgemeshError(`a URL is http://host:port or https://host:port, not "${url}"`);
  }
  const base = String(url).replace(/\/+$/, "");
  const fetcher = options.fetch ?? ((input, init) => fetch(input, init));
  return new Client(new RestTransport(base, options.apiKey, fetcher), options);
}
