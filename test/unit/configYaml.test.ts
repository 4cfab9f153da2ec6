import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { loadCluster } from "../../config/load";
import type { ClusterPlan } from "../../config/plan";
import { allChecksums, hostKey, inFolder, sampleCluster } from "./clusterSample";

/** A file's text: a master, and what stands behind it in the list of nodes. */
function fileText(nodes: string, cluster: object = {}): string {
  const settings = stringify({ cluster: { ...sampleCluster(), ...cluster } });
  return `${settings}nodes:
  - &master { name: master-01, ip: 10.0.0.11, roles: [master], host_key: ${hostKey(1)} }
${nodes}`;
}

function planOfText(text: string): ClusterPlan {
  return inFolder((folder) => {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, text);
    return loadCluster(path);
  });
}

const worker = (n: number, more = "") =>
  `  - { name: worker-${n}, ip: 10.0.1.${n}, roles: [worker], host_key: ${hostKey(n + 10)}${more} }\n`;

describe("YAML of a cluster file", () => {
  it("may have anchors, and keys that merge them, for many nodes", () => {
    const anchor = `  - &worker
    name: worker-1
    ip: 10.0.1.1
    roles: [worker]
    host_key: ${hostKey(11)}
    labels: { disk: fast, rack: "1" }
`;
    const others = Array.from({ length: 150 }, (_, i) => {
      const n = i + 2;
      return `  - { <<: *worker, name: worker-${n}, ip: 10.0.1.${n}, host_key: ${hostKey(n + 10)} }\n`;
    });
    const { nodes } = planOfText(fileText(anchor + others.join("")));
    assert.equal(nodes.length, 152);
    assert.deepEqual(
      nodes.filter(({ labels }) => labels.disk === "fast" && labels.rack === "1").length,
      151,
    );
  });

  it("is told of a second document in words", () => {
    const text = fileText(worker(1));
    const lines = text.split("\n").length;
    assert.throws(() => planOfText(`${text}---\nnodes: []\n`), {
      message: new RegExp(
        `has one problem:\n  line ${lines}, column 1: a second document begins there, and the file is one; remove the line ---, or put what follows into another file$`,
      ),
    });
  });

  it("is text as it is written where text is wanted, whatever else YAML reads", () => {
    const sums = allChecksums();
    const [some = ""] = Object.keys(sums).filter((key) => key.endsWith("amd64/kubelet"));
    const labels = "{ gpu: true, off: no, rack: 1.30, row: 007, hall: 0x1F, size: 1e3 }";
    const text = fileText(
      worker(1, `, labels: ${labels}, kubelet: { config: { systemReserved: { cpu: 1.50 } } }`) +
        worker(2, ", group: 12"),
    )
      .replace(`${some}: ${"ab".repeat(32)}`, `${some}: ${"1".repeat(62)}e3`)
      .concat(
        "groups: { 12: { kubelet: { config: { evictionHard: { pid.available: 010 } } } } }\n",
      );
    const [, first, second] = planOfText(text).nodes;
    assert.deepEqual(
      { ...first?.labels, "node-role.kubernetes.io/worker": undefined },
      {
        gpu: "true",
        off: "no",
        rack: "1.30",
        row: "007",
        hall: "0x1F",
        size: "1e3",
        "node-role.kubernetes.io/worker": undefined,
      },
    );
    assert.deepEqual(first?.kubelet.config, { systemReserved: { cpu: "1.50" } });
    assert.deepEqual(second?.kubelet.config, { evictionHard: { "pid.available": "010" } });
    const kubelet = first?.artifacts.find(({ name }) => name === "kubelet");
    assert.equal(kubelet?.sha256, `${"1".repeat(62)}e3`);
  });

  it("is told of what it reads, where something else is wanted", () => {
    const refused = (text: string, message: RegExp) =>
      assert.throws(() => planOfText(text), { message });
    refused(
      fileText("", { kubernetes: { version: 0 } }).replace("version: 0", "version: 1.30"),
      /cluster\.kubernetes\.version: 1\.30 is not a full version; give three numbers/,
    );
    refused(fileText(worker(1, ", lost: yes")), /nodes\[1\]\.lost: yes is not true or false/);
    refused(fileText(worker(1, ", generation: 1_0")), /generation: 1_0 is not a number/);
    refused(fileText(worker(1, ", labels: { a: ~ }")), /nodes\[1\]\.labels\.a: is empty; give/);
    refused(fileText("\t- name: worker-1\n"), /line \d+, column \d+: .*[Tt]ab/);
    refused(fileText(worker(1, ", ip: 10.0.1.2")), /Map keys must be unique/);
  });

  it("is told of keys that every object has without having them, wherever they stand", () => {
    for (const key of ["__proto__", "constructor", "toString"])
      for (const [where, text] of [
        [key, `${fileText("")}${key}: x\n`],
        [`cluster.${key}`, fileText("").replace("cluster:\n", `cluster:\n  ${key}: x\n`)],
        [`nodes[1].${key}`, fileText(worker(1, `, ${key}: { a: 1 }`))],
        [`nodes[1].ssh.${key}`, fileText(worker(1, `, ssh: { ${key}: [1] }`))],
        [
          `nodes[1].kubelet.config.${key}`,
          fileText(worker(1, `, kubelet: { config: { ${key}: 1 } }`)),
        ],
      ] as const)
        assert.throws(
          () => planOfText(text),
          (error: Error) => {
            assert.ok(
              error.message.includes(`\n  ${where}: ${key} is not known here; `),
              error.stack,
            );
            return true;
          },
        );
  });

  it("may begin with a byte order mark and end its lines as Windows does", () => {
    const text = `\uFEFF${fileText(worker(1))}`.replaceAll("\n", "\r\n");
    assert.equal(planOfText(text).nodes.length, 2);
  });
});
