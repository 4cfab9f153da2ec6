import { ClusterConfigError } from "../config/issues";
import { loadCluster } from "../config/load";
import { askAll } from "../status/ask";
import { gather, reportsOf } from "../status/cluster";
import { document } from "../status/document";
import { judge } from "../status/judge";
import { paintFor } from "../status/paint";
import { screen } from "../status/screen";
import { type Look, watch } from "../status/watch";
import { command, common, main, OperatorError } from "./command";

export const status = command({
  name: "status",
  about: "How the cluster of a file does: nodes, etcd, Ceph, certificates, on one screen.",
  options: {
    file: common.file,
    json: { type: "boolean", default: false, help: "the same as JSON, for scripts" },
    watch: { type: "boolean", default: false, help: "again and again, until Ctrl-C" },
    every: {
      type: "string",
      value: "SECONDS",
      default: "5",
      help: "how long --watch waits between two looks; default: 5",
    },
  },
  statuses: { 0: "all is well, or was when --watch ended", 1: "something is wrong" },
  async run({ file, json, watch: again, every }) {
    const seconds = Number(every);
    if (!(seconds >= 1 && seconds <= 3600)) {
      throw new OperatorError(`--every ${every} is no number of seconds from 1 to 3600`);
    }
    if (!again) {
      const { text, status } = await look(file, json);
      process.stdout.write(text);
      return status;
    }
    const stop = new AbortController();
    const end = () => stop.abort();
    process.once("SIGINT", end).once("SIGTERM", end);
    try {
      return await watch(
        (signal) => lookAgain(file, json, signal),
        seconds,
        process.stdout,
        stop.signal,
      );
    } finally {
      process.off("SIGINT", end).off("SIGTERM", end);
    }
  },
});

async function look(file: string, json: boolean, stop?: AbortSignal): Promise<Look> {
  const began = performance.now();
  const plan = loadCluster(file);
  const answers = await askAll(
    plan.nodes.filter(({ lost }) => !lost),
    stop,
  );
  const cluster = gather(plan, answers);
  const findings = judge(cluster);
  const seconds = (performance.now() - began) / 1000;

  const blind = reportsOf(answers).length === 0;
  const healthy = findings.every(({ severity }) => severity !== "problem");
  const { columns = 100 } = process.stdout;
  const text = json
    ? document(cluster, findings, { healthy: blind ? null : healthy, seconds })
    : screen(cluster, findings, {
        paint: paintFor(process.stdout, process.env),
        width: Math.min(columns, 120),
        seconds,
      });
  return { text, status: blind ? 2 : healthy ? 0 : 1 };
}

/** A file that is being edited is wrong for a while: that is shown, and looked at again. */
async function lookAgain(file: string, json: boolean, stop: AbortSignal): Promise<Look> {
  try {
    return await look(file, json, stop);
  } catch (error) {
    if (error instanceof ClusterConfigError) return { text: `${error.message}\n`, status: 2 };
    throw error;
  }
}

if (require.main === module) void main(status);
