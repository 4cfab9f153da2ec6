import * as pulumi from "@pulumi/pulumi";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** What stands for a value that is not known yet. */
export const unknownMark = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const folder = join(__dirname, "..", "..", "render");

/** What must never reach a renderer: it would end up in a file on a node. */
function mistakes(value: unknown, at: string): string[] {
  if (pulumi.Output.isInstance(value)) return [`${at} is an Output`];
  if (value === pulumi.unknown || value === unknownMark) return [`${at} is unknown`];
  if (typeof value === "string" && value.includes(unknownMark)) return [`${at} holds an unknown`];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => mistakes(inner, `${at}.${key}`));
}

type Renderer = (...args: unknown[]) => unknown;

/** Checks the arguments of everything `render/` exports while `use` runs; returns who was called, and what was wrong. */
export async function watchRenderers(use: () => Promise<unknown>) {
  const called = new Set<string>();
  const wrong: string[] = [];
  const undo: (() => void)[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- exports are replaced in the module itself
    const module = require(join(folder, file)) as Record<string, unknown>;
    for (const [name, original] of Object.entries(module)) {
      if (typeof original !== "function") continue;
      undo.push(() => (module[name] = original));
      module[name] = (...args: unknown[]) => {
        called.add(name);
        wrong.push(...args.flatMap((arg, i) => mistakes(arg, `argument ${i + 1} of ${name}`)));
        return (original as Renderer)(...args);
      };
    }
  }
  try {
    await use();
  } finally {
    for (const restore of undo) restore();
  }
  return { called, wrong };
}
