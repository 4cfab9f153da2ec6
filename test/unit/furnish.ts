import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { readProgram } from "../graph/program";
import type { Graph } from "../graph/record";
import { wholeProgram } from "../graph/deliveries";
import { version } from "./clusterSample";
import { type FakeMachine, programOf } from "./fakeMachine";

export const clusterId = "uuid-of-cluster-id";

const archives = new Map<string, Buffer>();

/** A .tar.gz whose members hold their own names: the same to the byte each time. */
export function archiveOf(members: readonly string[]): Buffer {
  const known = archives.get(members.join());
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), "groundwork-archive-"));
  for (const member of members) {
    mkdirSync(join(folder, dirname(member)), { recursive: true });
    writeFileSync(join(folder, member), member);
  }
  const options = ["--mtime=@0", "--owner=0", "--group=0", "--use-compress-program=gzip -n"];
  execFileSync("tar", [...options, "-cf", join(folder, "a.tar.gz"), "-C", folder, ...members]);
  const archive = readFileSync(join(folder, "a.tar.gz"));
  rmSync(folder, { recursive: true });
  archives.set(members.join(), archive);
  return archive;
}

/** The programs a machine downloads: here each is a text, or an archive of such, known by its own hash. */
function artifactsOf(graph: Graph, node: string) {
  return (readProgram(programOf(graph, `${node}-prepare`)).variables.ARTIFACTS ?? "")
    .split("\n")
    .map((line) => {
      const [, url = "", ...installs] = line.split(" ");
      const members = installs.flatMap((install) => install.split("=")[1] ?? []);
      const content = members.length > 0 ? archiveOf(members) : basename(installs[0] ?? "");
      const sha256 = createHash("sha256").update(content).digest("hex");
      return { sha256, content, members, line: [sha256, url, ...installs].join(" ") };
    });
}

/** The program of a node's step, with the texts of {@link furnish} for what it downloads. */
export function stepOf(graph: Graph, node: string, step: string): string {
  if (step === "genesis") return programOf(graph, "etcd-genesis");
  const vars = () => ({
    ARTIFACTS: artifactsOf(graph, node)
      .map(({ line }) => line)
      .join("\n"),
  });
  return programOf(graph, `${node}-${step}`, step === "prepare" ? vars() : {});
}

/** The program by which a master lets a node join, which is no step. */
export function inviteOf(graph: Graph, node: string, master: string): string {
  const { variables } = readProgram(programOf(graph, `${node}-admit`));
  const STEP = `invitation of ${node}`;
  return wholeProgram({
    script: "invite",
    variables: { ...variables, NODE: master, STEP, TOKEN_MINUTES: "15" },
    texts: { token_secret: "SECRET-token" },
  });
}

/** Puts a machine into a world in which all is up; masters know each other's etcd. Its lock is free. */
export function furnish(machine: FakeMachine, graph: Graph, node: string): void {
  const kubeletVersion = `v${version}`;
  const nodeInfo = { kubeletVersion };
  const ready = { status: { nodeInfo, conditions: [{ type: "Ready", status: "True" }] } };
  machine.write("state/version", version);
  for (const name of ["master-01", "master-02", "worker-01"])
    machine.write(`state/api/api_v1_nodes_${name}`, JSON.stringify(ready));
  const line = (n: number) =>
    `${n}, started, master-0${n}, https://10.0.0.1${n}:2380, https://10.0.0.1${n}:2379, false\n`;
  const others = [1, 2, 3].filter((n) => node !== `master-0${n}`);
  machine.write("state/members", others.map(line).join(""));
  // Nobody but the first to be: a cluster that lives already is never born again.
  if (node === "master-01") machine.write("state/down", "10.0.0.11\n10.0.0.12\n10.0.0.13\n");
  // Programs that were downloaded before: the store has them by their hash.
  for (const { sha256, content, members } of artifactsOf(graph, node)) {
    const store = `var/lib/groundwork/artifacts/${sha256}`;
    machine.write(store, content);
    for (const member of members) machine.write(`${store}.d/${member}`, member);
  }
}

/** The same with a machine that is the cluster's already. */
export function take(machine: FakeMachine, graph: Graph, node: string): void {
  furnish(machine, graph, node);
  machine.lock(clusterId, node);
  machine.write("etc/hostname", `${node}\n`);
  machine.write("etc/hosts", "127.0.0.1 localhost\n");
}
