import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endWithSuite, eventually, kubectl, root } from "./lab";

export interface WriterReport {
  readonly acknowledged: number;
  /** Writes that five seconds of trying did not get through. */
  readonly failed: readonly string[];
  /** Acknowledged numbers that are not there. */
  readonly lost: readonly number[];
  /** Longest time without an acknowledged write, in seconds. */
  readonly longestGap: number;
}
/** Of every writer's namespace. */
const label = "groundwork.test/writer";

interface Line {
  readonly n?: number;
  readonly at?: number;
  readonly failed?: string;
  readonly lost?: readonly number[];
}

/** A workload: a process of its own that writes numbers without pause and remembers what was acknowledged. */
export class Writer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly log: string,
  ) {}

  /**
   * Starts one; it has written when this resolves.
   * @param kind `api`: ConfigMaps; `secrets`: Secrets; `ceph`: objects in a pool
   * @param nodes machines by whose Ceph client to write
   */
  static async start(
    kind: "api" | "secrets" | "ceph",
    nodes: readonly string[] = [],
  ): Promise<Writer> {
    // Each has a namespace of its own: an earlier one's is emptied for minutes, and nothing can be written into it meanwhile.
    const namespace = `writer-${Date.now()}`;
    if (kind !== "ceph") {
      const metadata = { name: namespace, labels: { [label]: "" } };
      const object = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata });
      await eventually(() => kubectl("apply -f -", object), 60);
    }
    const log = join(root, `.lab/log/writer-${kind}.jsonl`);
    mkdirSync(join(root, ".lab/log"), { recursive: true });
    // To a file: the tests wait for their commands without reading.
    const out = openSync(log, "w");
    const command = `. .lab/env; exec node -r ts-node/register test/e2e/writerProcess.ts ${kind}`;
    const child = spawn("bash", ["-c", command], {
      cwd: root,
      stdio: ["ignore", out, out],
      env: { ...process.env, WRITER_NODES: nodes.join(" "), WRITER_NAMESPACE: namespace },
    });
    const writer = new Writer(endWithSuite(child), log);
    await eventually(() => {
      if (writer.lines().filter(({ n, failed }) => n && failed === undefined).length < 3)
        throw new Error(`the writer writes nothing: ${readFileSync(log, "utf8")}`);
    }, 60);
    return writer;
  }

  /** Ends it; it has read everything back when this resolves. */
  async stop(): Promise<WriterReport> {
    this.child.kill("SIGTERM");
    if (this.child.exitCode === null)
      await new Promise((resolve) => this.child.once("exit", resolve));
    const lines = this.lines();
    const lost = lines.find((line) => line.lost)?.lost;
    if (!lost)
      throw new Error(`the writer ended early: ${readFileSync(this.log, "utf8").slice(-2000)}`);
    const times = lines.flatMap(({ at, failed }) =>
      at === undefined || failed !== undefined ? [] : [at],
    );
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
    return {
      acknowledged: times.length,
      failed: lines.flatMap(({ n, failed }) => (failed === undefined ? [] : [`${n}: ${failed}`])),
      lost,
      longestGap: Math.max(0, ...gaps) / 1000,
    };
  }

  /** Takes what all writers of ConfigMaps and Secrets wrote away again. */
  static clean(): void {
    kubectl(`delete namespace --selector=${label} --ignore-not-found --wait=false`);
  }

  private lines(): Line[] {
    return readFileSync(this.log, "utf8")
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line);
  }
}
