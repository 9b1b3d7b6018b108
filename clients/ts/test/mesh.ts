/**
 * The running mesh that tests are of: EDGEMESH_TEST_ADDRESS (gRPC), EDGEMESH_TEST_URL (REST) and
 * EDGEMESH_TEST_KEY. Where none is named these tests are skipped.
 */
import type { Client } from "../src/client.js";
import { connectGrpc, connectRest } from "../src/node.js";

const { EDGEMESH_TEST_ADDRESS, EDGEMESH_TEST_URL, EDGEMESH_TEST_KEY } = process.env;

/** Skips where there is no mesh. */
export const needsMesh = {
  skip: EDGEMESH_TEST_ADDRESS && EDGEMESH_TEST_URL ? false : "no mesh is named",
};

/** The ways to it, each with a client of the key given. */
export const WAYS: Record<string, (apiKey?: string) => Client> = {
  gRPC: (apiKey = EDGEMESH_TEST_KEY) => connectGrpc(EDGEMESH_TEST_ADDRESS, { apiKey }),
  REST: (apiKey = EDGEMESH_TEST_KEY) => connectRest(EDGEMESH_TEST_URL ?? "", { apiKey }),
};
