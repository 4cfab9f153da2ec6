import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "./lab";
import type { Store } from "./writerProcess";

/** Reads a number a line, appends it to an object, and says it again when Ceph has acknowledged it. */
const loop = `
  pool=$(timeout 10 ceph osd pool ls | grep -v '^\\.' | head -1) && [ -n "$pool" ] || exit 1
  while read -r object n; do
    echo "$n" | timeout 5 rados --pool "$pool" --namespace writer append "$object" - && echo "$n"
  done`;
const list = `
  pool=$(timeout 10 ceph osd pool ls | grep -v '^\\.' | head -1) && [ -n "$pool" ] || exit 1
  for object in $(timeout 30 rados --pool "$pool" --namespace writer ls | grep "^$1-"); do
    timeout 10 rados --pool "$pool" --namespace writer get "$object" - || exit 1
  done
  echo end`;
/** Milliseconds after which a machine that is silent is given up for another: an OSD that died is noticed in twenty seconds. */
const silence = 4000;

/** Lines of objects in the first pool, a hundred an object, by way of any of the machines. */
export function cephStore(): Store {
  const nodes = (process.env.WRITER_NODES ?? "").split(" ");
  const run = `run-${Date.now()}`;
  let turn = 0;
  let session: ChildProcessWithoutNullStreams | undefined;
  let answered: (n: number) => void = () => {};
  let broke: (error: Error) => void = () => {};

  function open(): ChildProcessWithoutNullStreams {
    const node = nodes[turn % nodes.length] ?? "";
    const child = spawn("lab/ssh", [node, `bash -c '${loop.replaceAll("'", `'\\''`)}'`], {
      cwd: root,
    });
    createInterface(child.stdout).on("line", (line) => answered(Number(line)));
    child.stdin.on("error", () => {});
    child.on("exit", () => child === session && broke(new Error(`the session on ${node} ended`)));
    return child;
  }

  return {
    every: 500,
    async put(n) {
      session ??= open();
      let timer: NodeJS.Timeout | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          answered = (got) => got === n && resolve();
          broke = reject;
          timer = setTimeout(() => reject(new Error(`no answer within ${silence} ms`)), silence);
          session?.stdin.write(`${run}-${Math.floor(n / 100)} ${n}\n`);
        });
      } catch (error) {
        session?.kill("SIGKILL");
        session = undefined;
        turn++;
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
    async readBack() {
      const node = nodes[turn++ % nodes.length] ?? "";
      const child = spawn("lab/ssh", [node, `bash -s -- ${run}`], { cwd: root });
      child.stdin.end(list);
      let text = "";
      for await (const chunk of child.stdout.setEncoding("utf8")) text += chunk as string;
      const lines = text.trim().split("\n");
      if (lines.pop() !== "end") throw new Error(`could not read from ${node}`);
      return new Set(lines.map(Number));
    },
  };
}
