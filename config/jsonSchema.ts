/**
 * Writes what is made of the schema: docs/cluster.schema.json for editors, the field tables of docs/cluster-yaml.md, and
 * the tables of docs/coming-from.md. Run by `npm run schema`; a test finds files that are behind the schema.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { fieldTables, type JsonSchema, otherToolsTables } from "./reference";
import { clusterFile } from "./schema";

const docs = join(__dirname, "..", "docs");

/** The generated files with the contents they should have. */
export function generatedFiles(): { path: string; content: string }[] {
  const schema = z.toJSONSchema(clusterFile, { io: "input" }) as JsonSchema;
  return [
    {
      path: join(docs, "cluster.schema.json"),
      content: `${JSON.stringify({ title: "Groundwork cluster file", ...schema }, null, 2)}\n`,
    },
    withPart("cluster-yaml.md", "fields", "config/schema.ts", fieldTables(schema)),
    withPart("coming-from.md", "tables", "config/otherTools.ts", otherToolsTables()),
  ];
}

/** A page of docs whose part between two comments is made. */
function withPart(name: string, part: string, source: string, text: string) {
  const path = join(docs, name);
  const page = readFileSync(path, "utf8");
  const begin = `<!-- ${part}: written by \`npm run schema\` from ${source} -->`;
  const end = `<!-- end of ${part} -->`;
  const [head, tail] = [page.indexOf(begin), page.indexOf(end)];
  if (head < 0 || tail < head) {
    throw new Error(`${path} lacks the lines "${begin}" and "${end}"; put them back`);
  }
  return {
    path,
    content: `${page.slice(0, head)}${begin}\n\n${text}\n${page.slice(tail)}`,
  };
}

if (require.main === module) {
  for (const { path, content } of generatedFiles()) writeFileSync(path, content);
}
