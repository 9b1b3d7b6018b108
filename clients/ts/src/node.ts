/** For Node: the same client over gRPC. */
import { readFileSync } from "node:fs";
import type { SecureClientSessionOptions } from "node:http2";
import type { Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Client } from "./client.js";
import { EdgemeshError } from "./errors.js";
import type { ClientOptions } from "./link.js";
import { DEADLINE } from "./retry.js";

export * from "./index.js";

/** A mesh on this machine. */
export const DEFAULT_ADDRESS = "127.0.0.1:50051";

/** How a client calls over gRPC. */
export interface GrpcOptions extends ClientOptions {
  /** `true`: encrypted. By itself where the address says https://, where there is `ca`, and where a
   *  key would leave this machine; `false` insists on the clear. */
  readonly tls?: boolean;
  /** A file of the authorities (PEM) that the mesh's certificate is of. */
  readonly ca?: string;
  /** Files of the caller's own certificate and its key (PEM). */
  readonly certificate?: string;
  readonly certificateKey?: string;
}

/**
 * A client of the mesh at "host:port" or "https://host:port"; by default EDGEMESH_ADDRESS and
 * EDGEMESH_API_KEY of the environment, and `DEFAULT_ADDRESS`. It connects when it is first used, and
 * keeps no process alive while nothing runs.
 */
export function connectGrpc(address?: string, options: GrpcOptions = {}): Client {
  const apiKey = options.apiKey ?? process.env.EDGEMESH_API_KEY;
  const given = address || process.env.EDGEMESH_ADDRESS || DEFAULT_ADDRESS;
  const transport = createGrpcTransport({
    baseUrl: base(given, apiKey, options),
    nodeOptions: secure(options),
    interceptors: [headers(apiKey)],
  });
  return new Client(transport, options);
}

const ADDRESS = /^(?:(https?):\/\/)?([^/\s]+:\d+)\/?$/;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]):/;

function base(address: string, apiKey: string | undefined, options: GrpcOptions): string {
  const match = ADDRESS.exec(address.trim());
  if (!match?.[2]) {
    throw new EdgemeshError(`an address is host:port or https://host:port, not "${address}"`);
  }
  const [, scheme, place] = match;
  const far = Boolean(apiKey) && !LOOPBACK.test(place);
  const tls = options.tls ?? (scheme === "https" || Boolean(options.ca) || far);
  if (tls && scheme === "http") {
    throw new EdgemeshError("http:// is in the clear: use https://, or tls: false to insist");
  }
  return `${tls ? "https" : "http"}://${place}`;
}

function secure({ ca, certificate, certificateKey }: GrpcOptions): SecureClientSessionOptions {
  return {
    ...(ca && { ca: readFileSync(ca) }),
    ...(certificate && { cert: readFileSync(certificate) }),
    ...(certificateKey && { key: readFileSync(certificateKey) }),
  };
}

/** Shows the key, and says the deadline as gRPC does. Connect's own timers would outlive the call. */
function headers(apiKey: string | undefined): Interceptor {
  return (next) => (call) => {
    const ms = call.header.get(DEADLINE);
    call.header.delete(DEADLINE);
    if (ms) call.header.set("grpc-timeout", `${ms}m`);
    if (apiKey) call.header.set("authorization", `Bearer ${apiKey}`);
    return next(call);
  };
}
