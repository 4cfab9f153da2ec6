import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** What stands for a value that is not known yet. */
export const unknownMark = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const root = join(__dirname, "../../");

/** What must never reach a renderer: it would end up in a file on a node. */
function mistakes(value: unknown, at: string): string[] {
  if (pulumi.Output.isInstance(value)) return [`${at} is an Output`];
  if (value === pulumi.unknown || value === unknownMark) return [`${at} is unknown`];
  if (typeof value === "string" && value.includes(unknownMark)) return [`${at} holds an unknown`];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => mistakes(inner, `${at}.${key}`));
}

type Renderer = (...args: unknown[]) => unknown;

const isProgram = (path: string) =>
  path.startsWith(root) && !/^(node_modules|test)\//.test(path.slice(root.length));

/** Has the program loaded anew, until what this returns is called: then it is what others have loaded again. */
export function forget(): () => void {
  const former = Object.entries(require.cache).filter(([path]) => isProgram(path));
  const drop = () => {
    for (const path of Object.keys(require.cache).filter(isProgram))
      Reflect.deleteProperty(require.cache, path);
  };
  drop();
  return () => {
    drop();
    for (const [path, module] of former) require.cache[path] = module;
  };
}

/** Checks the arguments of everything that others call in `steps/`, `networks/` and `manifests/` while `use` runs; returns who was called, and what was wrong. */
export async function watchRenderers(use: () => Promise<unknown>) {
  const called = new Set<string>();
  const wrong: string[] = [];
  const watched = (name: string, original: Renderer) =>
    function (...args: unknown[]) {
      called.add(name);
      wrong.push(...args.flatMap((arg, i) => mistakes(arg, `argument ${i + 1} of ${name}`)));
      return original(...args);
    };
  const remember = forget();
  try {
    for (const path of ["steps", "networks", "manifests"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        // A step is a value that may hold Outputs; what it is made of may not.
        .filter((name) => name.endsWith(".ts") && !/(^|\/)(index|program)\.ts$/.test(name))
        .map((name) => join(root, folder, name)),
    )) {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- what it exports is replaced for all who load it
      const exported = Object.entries(require(path) as Record<string, unknown>);
      const module = require.cache[path];
      assert.ok(module);
      module.exports = Object.fromEntries(
        exported.map(([name, value]) => [
          name,
          typeof value === "function" ? watched(name, value as Renderer) : value,
        ]),
      );
    }
    await use();
  } finally {
    remember();
  }
  return { called, wrong };
}
