/**
 * How the cluster of a file does: `npm run status -- [--json] [--file cluster.yaml]`.
 * Ends with 0 when it is healthy, 1 when something is wrong, 2 when that could not be judged.
 */
import { parseArgs } from "node:util";
import { ClusterConfigError } from "../config/issues";
import { loadCluster } from "../config/load";
import { askAll } from "./ask";
import { document } from "./document";
import { gather, reportsOf } from "./cluster";
import { judge } from "./judge";
import { paintFor } from "./paint";
import { screen } from "./screen";

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: "boolean", default: false },
      file: { type: "string", default: "cluster.yaml" },
    },
  });
  const began = performance.now();
  const plan = loadCluster(values.file);
  const answers = await askAll(plan.nodes.filter(({ lost }) => !lost));
  const status = gather(plan, answers);
  const findings = judge(status);
  const seconds = (performance.now() - began) / 1000;

  const blind = reportsOf(answers).length === 0;
  const healthy = findings.every(({ severity }) => severity !== "problem");
  const { columns = 100 } = process.stdout;
  process.stdout.write(
    values.json
      ? document(status, findings, { healthy: blind ? null : healthy, seconds })
      : screen(status, findings, {
          paint: paintFor(process.stdout, process.env),
          width: Math.min(columns, 120),
          seconds,
        }),
  );
  return blind ? 2 : healthy ? 0 : 1;
}

void main(process.argv.slice(2))
  .catch((error: Error) => {
    const usage = "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
    if (!(error instanceof ClusterConfigError || usage)) throw error;
    process.stderr.write(
      `${error.message}\n${usage ? "usage: npm run status -- [--json] [--file cluster.yaml]\n" : ""}`,
    );
    return 2;
  })
  .then((code) => (process.exitCode = code));
