import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readFacts } from "../../components/facts";
import { preflightFindings } from "../../config/preflight";
import type { Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { clusterId } from "./furnish";

const machineId = "0123456789abcdef".repeat(2);
const productUuid = "01234567-89ab-cdef-0123-456789abcdef";

/** Of each finding how a machine comes to it, by a file below its root, and what is said. */
const findings: Readonly<Record<string, readonly [path: string, content: string, says: RegExp]>> = {
  architecture: ["state/machine", "aarch64", /the machine is arm64, the file says amd64/],
  "cgroup-v1": ["state/cgroup", "tmpfs", /uses cgroup v1/],
  clock: ["state/clock", "+1 hour", /it lags by 3[56]\d\d s or more/],
  cpu: ["state/cpus", "1", /1 CPU; master needs 2/],
  disk: ["state/free", "4607", /4607 MiB free on \/; 4608 are needed, for .*\/var\/lib\/etcd/],
  "foreign-cluster": ["etc/kubernetes/kubelet.conf", "", /another installation of Kubernetes/],
  ip: ["state/address", "", /no interface of the machine carries 10\.0\.0\.11/],
  kernel: ["state/kernel", "5.10.0-8", /kernel 5\.10\.0-8 is older than 5\.13/],
  mac: ["sys/class/net/eth0/address", "02:00:00:00:00:01", /\(52:54:00:12:34:56\).* has: 02:/],
  "machine-id": ["etc/machine-id", "uninitialized\n", /machine-id holds no id/],
  memory: ["proc/meminfo", "MemTotal: 1500000 kB\n", /1464 MiB of memory; master needs 1700/],
  os: ["etc/os-release", "ID=debian\nVERSION_ID=10\n", /debian 10 is not supported/],
  port: ["state/ports", "10250\n2380\n", /port 10250 is in use by nginx(.|\n)*port 2380/],
  swap: ["proc/swaps", "Filename Type\n/swapfile file\n", /swap is on: \/swapfile/],
};

/** Found by other means: a folder, and the comparison with the other machines. */
const others = ["systemd", "product-uuid", "ceph-version"];

describe("the examination of a machine", () => {
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    mkdirSync(join(machine.root, "run/systemd/system"), { recursive: true });
    machine.write("etc/machine-id", `${machineId}\n`);
    machine.write("etc/os-release", "ID=debian\nVERSION_ID=13\n");
    machine.write("proc/meminfo", "MemTotal: 8000000 kB\n");
    machine.write("proc/swaps", "Filename Type\n");
    machine.write("sys/class/net/eth0/address", "52:54:00:12:34:56\n");
    machine.write("sys/class/dmi/id/product_uuid", `${productUuid.toUpperCase()}\n`);
  });
  afterEach(() => machine.close());

  const examine = (vars: Readonly<Record<string, string>> = {}) => {
    const declared = { MAC_ADDRESSES: "52:54:00:12:34:56", ...vars };
    return machine.run(programOf(graph, "master-01-preflight", declared));
  };
  const spoil = (path: string, content: string) => machine.write(path, content);

  it("tells what a fit one is, and writes nothing to it", () => {
    const before = machine.snapshot();
    const { status, stdout, stderr } = examine();
    assert.equal(status, 0, stderr);
    assert.deepEqual(readFacts(`Welcome!${stdout}\nBye`, "master-01", "urn"), {
      os: "debian 13",
      kernel: "6.12.0",
      architecture: "amd64",
      cpus: 4,
      memoryMiB: 7812,
      machineId,
      macAddress: "52:54:00:12:34:56",
      productUuid,
      cgroup: "v2",
    });
    assert.deepEqual(machine.snapshot(), before, "steps/preflight/preflight.sh writes");
  });

  it("reports all that speaks against one, each by its name, and nothing else", () => {
    assert.deepEqual([...Object.keys(findings), ...others].sort(), [...preflightFindings]);
    for (const [path, content] of Object.values(findings)) spoil(path, content);
    const outcome = examine();
    for (const [, , says] of Object.values(findings)) assertRefused(outcome, says);
    const named = [...outcome.stderr.matchAll(/^ {4}- ([\w-]+): /gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(named)].sort(), Object.keys(findings).sort());
    const allowed = examine({ PREFLIGHT_ALLOW: Object.keys(findings).join(" ") });
    assert.equal(allowed.status, 0, `what the file allows is refused: ${allowed.stderr}`);
  });

  it("counts of a clock's difference what no time on the way explains, and refuses two seconds of it", () => {
    for (const [server, says] of [
      [997, /- clock: it is ahead by 2 s or more/],
      [998, undefined],
      [1003, undefined],
      [1004, /- clock: it lags by 2 s or more/],
    ] as const) {
      // Asked at 1000 s, answered a second and a half later.
      spoil("state/instants", "1000000\n1001500\n");
      spoil("state/clock", `@${server}`);
      const outcome = examine();
      if (says) assertRefused(outcome, says);
      else assert.equal(outcome.status, 0, `a server that says ${server} s: ${outcome.stderr}`);
    }
  });

  it("refuses a machine without systemd, and without the rights of root", () => {
    machine.remove("run/systemd");
    assertRefused(examine(), /- systemd: /);
    spoil("state/uid", "1000");
    assertRefused(examine(), /is not root and has no password-less sudo/);
  });

  it("minds no port that is in use and no full disk once the machine is taken", () => {
    for (const name of ["port", "disk", "foreign-cluster"] as const) {
      const [path = "", content = ""] = findings[name] ?? [];
      spoil(path, content);
    }
    machine.lock(clusterId, "master-01");
    const { status, stderr } = examine();
    assert.equal(status, 0, stderr);
  });

  it("refuses one that belongs to another cluster, or is another node of this one", () => {
    machine.lock("another-cluster", "master-01");
    assertRefused(examine(), /belongs to cluster 'of another-cluster' \(another-cluster\)/);
    machine.lock(clusterId, "master-09");
    assertRefused(examine(), /is already 'master-09' of this cluster/);
  });
});
