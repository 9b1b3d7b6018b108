/** The README's program, run as it stands, prints what the README says. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { needsMesh } from "./mesh.js";

const PACKAGE = join(import.meta.dirname, "..", "..");
const PROGRAM = /^```ts\n(import.*?)^```$/ms;
const PRINTED = /^```text\n(.*?)^```$/ms;
const run = promisify(execFile);

test("the README's program", needsMesh, async () => {
  const page = await readFile(join(PACKAGE, "README.md"), "utf8");
  const [, source] = PROGRAM.exec(page) ?? [];
  const [, expected] = PRINTED.exec(page) ?? [];
  assert(source && expected);
  // Within the package, so that its own name is found by its own exports.
  const folder = await mkdtemp(join(PACKAGE, "dist", "readme-"));
  try {
    const file = join(folder, "program.ts");
    await writeFile(file, source);
    const config = { extends: "../../tsconfig.json", files: ["program.ts"], include: [] };
    const compilerOptions = { rootDir: ".", outDir: ".", declaration: false };
    const project = join(folder, "tsconfig.json");
    await writeFile(project, JSON.stringify({ ...config, compilerOptions }));
    const compiler = join(PACKAGE, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [compiler, "--project", project]).catch(({ stdout }) => {
      assert.fail(stdout);
    });
    const environment = {
      ...process.env,
      EDGEMESH_ADDRESS: process.env.EDGEMESH_TEST_ADDRESS,
      EDGEMESH_API_KEY: process.env.EDGEMESH_TEST_KEY,
    };
    const { stdout } = await run(process.execPath, [join(folder, "program.js")], {
      env: environment,
    });
    assert.equal(stdout, expected);
  } finally {
    await rm(folder, { recursive: true });
  }
});
