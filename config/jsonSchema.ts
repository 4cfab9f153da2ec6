/**
 * Writes what is made of the schema: docs/cluster.schema.json for editors, and the field tables of
 * docs/cluster-yaml.md. Run by `npm run schema`; a test finds files that are behind the schema.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fieldTables, type JsonSchema } from "./reference";
import { clusterFile } from "./schema";

const docs = join(__dirname, "..", "docs");
const begin = "<!-- fields: written by `npm run schema` from config/schema.ts -->";
const end = "<!-- end of fields -->";

/** The generated files with the contents they should have. */
export function generatedFiles(): { path: string; content: string }[] {
  const schema = z.toJSONSchema(clusterFile, { io: "input" }) as JsonSchema;
  const reference = join(docs, "cluster-yaml.md");
  const page = readFileSync(reference, "utf8");
  const [head, tail] = [page.indexOf(begin), page.indexOf(end)];
  if (head < 0 || tail < head) {
    throw new Error(`${reference} lacks the lines "${begin}" and "${end}"; put them back`);
  }
  const tables = `${begin}\n\n${fieldTables(schema)}\n`;
  return [
    {
      path: join(docs, "cluster.schema.json"),
      content: `${JSON.stringify({ title: "Groundwork cluster file", ...schema }, null, 2)}\n`,
    },
    { path: reference, content: page.slice(0, head) + tables + page.slice(tail) },
  ];
}

if (require.main === module) {
  for (const { path, content } of generatedFiles()) writeFileSync(path, content);
}
