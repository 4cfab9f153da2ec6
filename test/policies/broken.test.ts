import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { recordFile } from "../graph/nodes";
import type { Graph } from "../graph/record";
import { sampleFile } from "../graph/samples";
import { hostKey } from "../unit/clusterSample";
import { judgeGraph } from "./judgeGraph";

interface ClusterFile {
  cluster: { kubernetes: { version: string }; ceph: Record<string, unknown> };
  nodes: {
    name: string;
    ip: string;
    host_key: string;
    roles: string[];
    labels?: Record<string, string>;
    lost?: boolean;
  }[];
}

/** A way in which somebody makes the cluster of `ceph.yaml` what it must not be. */
interface Mistake {
  /** Policies that find it. */
  readonly policies: readonly string[];
  /** Nodes or pools that one of the messages names. */
  readonly names: readonly string[];
  readonly change?: (file: ClusterFile) => void;
  /** What the last `up` left. */
  readonly before?: Readonly<Record<string, unknown>>;
  readonly protect?: boolean;
}

const zone = "topology.kubernetes.io/zone";
const had = (...roles: string[]) => ({ roles });

const mistakes: Readonly<Record<string, Mistake>> = {
  "takes a master away": {
    policies: ["odd-masters"],
    names: ["master-02"],
    change: ({ nodes }) => void nodes.splice(2, 1),
  },
  "takes two masters away": {
    policies: ["more-than-one-master", "few-masters-leave"],
    names: ["master-01", "master-02, master-03"],
    change: ({ nodes }) => void nodes.splice(1, 2),
    before: {
      nodes: { "master-01": had("master"), "master-02": had("master"), "master-03": had("master") },
    },
  },
  "calls two masters lost": {
    policies: ["more-than-one-master", "few-masters-leave"],
    names: ["master-01", "master-02, master-03"],
    change: ({ nodes }) => nodes.slice(1, 3).forEach((node) => (node.lost = true)),
    before: {
      nodes: { "master-01": had("master"), "master-02": had("master"), "master-03": had("master") },
    },
  },
  "puts all masters into one rack": {
    policies: ["masters-in-several-failure-domains"],
    names: ["master-01, master-02, master-03", "rack-7"],
    change: ({ nodes }) => nodes.forEach((node) => (node.labels = { [zone]: "rack-7" })),
  },
  "keeps data twice": {
    policies: ["three-copy-pools", "three-copy-pools"],
    names: ["kubernetes", "backups"],
    change: ({ cluster: { ceph } }) =>
      Object.assign(ceph, { pool_size: 2, pools: [{ name: "backups" }] }),
  },
  "keeps data once": {
    policies: ["no-single-copy-pools"],
    names: ["kubernetes"],
    change: ({ cluster: { ceph } }) => Object.assign(ceph, { pool_size: 1 }),
  },
  "removes half of the hosts with OSDs": {
    policies: ["few-osd-hosts-leave"],
    names: ["store-8, store-9: 2 of 4"],
    before: {
      nodes: Object.fromEntries(
        ["store-8", "store-9", "worker-01", "worker-02"].map((name) => [name, had("ceph-osd")]),
      ),
    },
  },
  "protects nothing": {
    policies: Array<string>(21).fill("protected-roots"),
    names: ["cluster-id", "etcd-genesis", "ceph-genesis", "pki-ca-key"],
    protect: false,
  },
};

describe("an operator who", () => {
  for (const [what, { policies, names, change, before, protect }] of Object.entries(mistakes)) {
    it(`${what} is told so at preview and at up`, async () => {
      const file = parse(readFileSync(sampleFile("ceph"), "utf8")) as ClusterFile;
      const [store = assert.fail()] = file.nodes.slice(-1);
      file.nodes.push({ ...store, name: "worker-03", ip: "10.0.0.23", host_key: hostKey(3) });
      change?.(file);
      const outputs = before;
      for (const preview of [true, false]) {
        const graph = await recordFile(file, {
          preview,
          protect,
          ...(outputs && { before: { resources: [], outputs } as unknown as Graph }),
        });
        const found = await judgeGraph(graph);
        const messages = found.map(({ message }) => message).join("\n");
        const when = preview ? "at preview" : "at up";
        assert.deepEqual(
          found.map(({ policy }) => policy),
          policies,
          `${when}: ${messages}`,
        );
        for (const name of names)
          assert.ok(messages.includes(name), `${when} ${name} is not named:\n${messages}`);
      }
    });
  }
});
