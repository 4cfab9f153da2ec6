import { loadCluster } from "../config/load";
import { askAll } from "../status/ask";
import { gather, reportsOf } from "../status/cluster";
import { document } from "../status/document";
import { judge } from "../status/judge";
import { paintFor } from "../status/paint";
import { screen } from "../status/screen";
import { command, common, main } from "./command";

export const status = command({
  name: "status",
  about: "How the cluster of a file does: nodes, etcd, Ceph, certificates, on one screen.",
  options: {
    file: common.file,
    json: { type: "boolean", default: false, help: "the same as JSON, for scripts" },
  },
  statuses: { 0: "all is well", 1: "something is wrong" },
  async run({ file, json }) {
    const began = performance.now();
    const plan = loadCluster(file);
    const answers = await askAll(plan.nodes.filter(({ lost }) => !lost));
    const cluster = gather(plan, answers);
    const findings = judge(cluster);
    const seconds = (performance.now() - began) / 1000;

    const blind = reportsOf(answers).length === 0;
    const healthy = findings.every(({ severity }) => severity !== "problem");
    const { columns = 100 } = process.stdout;
    process.stdout.write(
      json
        ? document(cluster, findings, { healthy: blind ? null : healthy, seconds })
        : screen(cluster, findings, {
            paint: paintFor(process.stdout, process.env),
            width: Math.min(columns, 120),
            seconds,
          }),
    );
    return blind ? 2 : healthy ? 0 : 1;
  },
});

if (require.main === module) void main(status);
