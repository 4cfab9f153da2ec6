/**
 * Writes dist/, what other programs import: Node.js runs no TypeScript below node_modules. `npm run prepare`, and npm by
 * itself where Groundwork is installed from a folder or from git. The program of this folder needs none of it.
 */
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "..");
const target = join(root, "dist");

rmSync(target, { recursive: true, force: true });
const compiler = require.resolve("typescript/bin/tsc");
execFileSync(process.execPath, [compiler, "-p", join(root, "tsconfig.library.json")], {
  stdio: "inherit",
});
// What steps run on machines, and what Kubernetes is told.
for (const folder of ["steps", "manifests", "networks"])
  cpSync(join(root, folder), join(target, folder), {
    recursive: true,
    filter: (path) => !path.endsWith(".ts"),
  });
