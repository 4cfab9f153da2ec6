import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { stringify } from "yaml";
import { planOf } from "../../arguments/plan";
import { fill, settled, standInFor } from "../../arguments/standIns";
import { valueAt, withValue } from "../../arguments/take";
import type { ClusterArgs } from "../../arguments/types";
import { ClusterConfigError, type Path } from "../../config/issues";
import { loadCluster } from "../../config/load";
import { isStandIn, standIn } from "../../config/standIn";
import { type FileData, hostKey, inFolder, privateKey, sampleFile } from "./clusterSample";

const later = <T>(value: T) => pulumi.output(Promise.resolve(value));
const planFrom = (args: unknown) => planOf("Cluster prod", args as ClusterArgs);
const real = <T>(value: T) => settled(value);

/** What is wrong with arguments whose values are all plain, one line each. */
function problemsOf(args: unknown): string[] {
  try {
    planFrom(args);
    return [];
  } catch (error) {
    assert.ok(error instanceof ClusterConfigError);
    assert.match(error.message, /^Cluster prod has (one problem|\d problems):\n/);
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
}

/** What a program ends with that is given these arguments: as Pulumi's own runner, this listens for what nobody caught. */
async function failuresOf(args: unknown): Promise<string[]> {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const caught = new Set<Error>();
  process.on("unhandledRejection", (error) => caught.add(error as Error));
  try {
    const { checked } = planFrom(args);
    await checked.catch((error: Error) => caught.add(error));
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    process.removeAllListeners("unhandledRejection");
    others.forEach((listener) => process.on("unhandledRejection", listener));
  }
  return [...caught].map(({ message }) => message);
}

const withArgs = (...values: (readonly [Path, unknown])[]) =>
  values.reduce<unknown>((args, [path, value]) => withValue(args, path, value), sampleFile());

describe("a cluster as a program's arguments", () => {
  it("is the cluster of a file that says the same", () => {
    const plan = planFrom(sampleFile()).plan;
    const same = inFolder((folder) => {
      writeFileSync(join(folder, "cluster.yaml"), stringify(sampleFile()));
      return loadCluster(join(folder, "cluster.yaml"));
    });
    assert.deepEqual(plan, same);
  });

  it("has a stand-in for what another resource makes", async () => {
    const { plan } = planFrom(withArgs([["nodes", 0, "ip"], later("10.0.0.11")]));
    const [master] = plan.nodes;
    assert.ok(master && isStandIn(master.ip));
    assert.equal(master.ssh.host, master.ip);
    assert.equal(plan.endpoint.host, master.ip);
    assert.deepEqual(await real(plan), planFrom(sampleFile()).plan);
  });

  it("keeps a private key secret, also one that is plain", async () => {
    const key = privateKey();
    for (const given of [key, later(key)]) {
      const ssh = { private_key: given };
      const { plan } = planFrom(withArgs([["cluster", "ssh"], ssh]));
      const filled = fill(plan.nodes[0]?.ssh.privateKey ?? "");
      assert.ok(pulumi.Output.isInstance(filled));
      assert.equal(await pulumi.isSecret(pulumi.output(filled)), true);
      assert.equal(await real(plan.nodes[0]?.ssh.privateKey), key);
    }
  });

  it("is refused at once where something else is not known", () => {
    const unknown = "must be known at preview, and is an output of another resource or a promise";
    const place: readonly Path[] = [
      ["nodes", 2, "name"],
      ["nodes", 1, "roles"],
      ["nodes", 0, "labels", "rack"],
      ["nodes"],
      ["cluster", "name"],
      ["cluster", "endpoint"],
      ["cluster", "networking", "pod_cidr"],
    ];
    const named = place.map((path) =>
      problemsOf(withArgs([path, later("x")])).map((line) => line.split(";")[0]),
    );
    assert.deepEqual(named, [
      [`nodes[2].name: ${unknown}`],
      [`nodes[1].roles: ${unknown}`],
      [`nodes[0].labels.rack: ${unknown}`],
      [`nodes: ${unknown}`],
      [`cluster.name: ${unknown}`],
      [`cluster.endpoint: ${unknown}`],
      [`cluster.networking.pod_cidr: ${unknown}`],
    ]);
    assert.equal(problemsOf(withArgs([["nodes", 2, "name"], Promise.resolve("x")])).length, 1);
    assert.equal(problemsOf(withArgs([["nodes", 2, "name"], pulumi.unknown])).length, 1);
  });

  it("is examined as a file is, beside what is not known", () => {
    const args = withArgs(
      [["nodes", 0, "ip"], later("10.0.0.11")],
      [["nodes", 1, "ip"], "10.0.0.300"],
      [["nodes", 2, "role"], ["worker"]],
      [["cluster", "ssh"], { private_key: later("x"), private_key_file: "id" }],
    );
    assert.deepEqual(
      problemsOf(args).map((line) => line.split(";")[0]),
      [
        "cluster.ssh.private_key: excludes private_key_file",
        "nodes[1].ip: 10.0.0.300 is not an IPv4 address",
        "nodes[2].role: role is not known here",
      ],
    );
  });

  it("lets nodes behind one address differ by ports that are not known yet", async () => {
    const args = withArgs(
      [["nodes", 0, "ssh"], { host: "gate.example.org", port: later(2201) }],
      [["nodes", 1, "ssh"], { host: "gate.example.org", port: later(2202) }],
    );
    const { plan } = planFrom(args);
    const ports = (await real(plan)).nodes.map(({ ssh }) => ssh.port);
    assert.deepEqual(ports, [2201, 2202, 22]);
  });

  const wrong: Record<string, readonly [readonly (readonly [Path, unknown])[], RegExp]> = {
    "that is no address": [
      [[["nodes", 1, "ip"], "10.0.0.300"]],
      /nodes\[1\].ip: 10\.0\.0\.300 is not an/,
    ],
    "that is another node's": [
      [[["nodes", 1, "ip"], "10.0.0.22"]],
      /nodes\[2\].ip: 10\.0\.0\.22 is already the address of nodes\[1\]/,
    ],
    "in the pod network": [
      [[["nodes", 1, "ip"], "10.244.3.4"]],
      /nodes\[1\].ip: 10\.244\.3\.4 lies in the pod network/,
    ],
    "that is not set": [[[["nodes", 1, "ip"], undefined]], /nodes\[1\].ip: is empty; the resource/],
    "that is a stand-in's": [
      [[["nodes", 1, "ip"], standIn(7)]],
      /nodes\[1\].ip: 240\S+ is not an address a machine can have/,
    ],
    "that is no host key": [
      [[["nodes", 1, "host_key"], "ssh-rsa AAAA"]],
      /nodes\[1\].host_key: .*is an RSA key/,
    ],
    "that is no port": [
      [[["nodes", 1, "ssh", "port"], 70_000]],
      /nodes\[1\].ssh.port: 70000 is not a TCP port/,
    ],
    "that is no key": [
      [[["nodes", 1, "ssh", "private_key"], "ssh-ed25519 AAAA"]],
      /nodes\[1\].ssh.private_key: holds no private key/,
    ],
  };
  for (const [what, [values, message]] of Object.entries(wrong)) {
    it(`ends with the argument's name when a value becomes known ${what}`, async () => {
      const args = withArgs(...values.map(([path, value]) => [path, later(value)] as const));
      const [first, ...more] = await failuresOf(args);
      assert.match(first ?? "", message);
      assert.deepEqual(more, []);
    });
  }

  it("never shows a private key that is wrong", async () => {
    const args = withArgs([["cluster", "ssh"], { private_key: later("SECRET") }]);
    assert.doesNotMatch((await failuresOf(args)).join(), /SECRET/);
  });

  it("does not take a plain endpoint for a master's address before that is known", async () => {
    const args = withArgs(
      [["nodes", 0, "ip"], later("10.0.0.11")],
      [["cluster", "endpoint"], "10.0.0.11:6443"],
    );
    const [failure] = await failuresOf(args);
    assert.match(failure ?? "", /cluster.endpoint: 10.0.0.11 is nodes\[0\].ip, which another/);
  });

  it("is the same cluster whichever of its values are known early", async () => {
    const key = privateKey();
    const host = fc.constantFrom(undefined, "own");
    const node = fc.record({
      roles: fc.uniqueArray(fc.constantFrom("master", "worker", "ceph-mon", "ceph-osd"), {
        minLength: 1,
      }),
      host,
      port: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
    });
    const cluster = fc.record({
      nodes: fc.array(node, { minLength: 1, maxLength: 5 }),
      bastion: fc.boolean(),
      endpoint: fc.constantFrom(undefined, "api.example.org:443"),
      early: fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(cluster, async ({ nodes, bastion, endpoint, early }) => {
        const file = randomFile(nodes, bastion, endpoint, key);
        let which = 0;
        const args = outputsOf(file).reduce<unknown>(
          (all, path) =>
            early[which++ % early.length] ? all : withValue(all, path, later(valueAt(file, path))),
          file,
        );
        assert.deepEqual(await real(planFrom(args).plan), await real(planFrom(file).plan));
      }),
      { numRuns: 100 },
    );
  });
});

interface RandomNode {
  readonly roles: readonly string[];
  readonly host: string | undefined;
  readonly port: number | undefined;
}

function randomFile(
  nodes: readonly RandomNode[],
  bastion: boolean,
  endpoint: string | undefined,
  key: string,
): FileData {
  const sample = sampleFile();
  const stored = nodes.some(({ roles }) => roles.includes("ceph-osd"));
  return {
    cluster: {
      ...(sample.cluster as object),
      ...(endpoint === undefined ? {} : { endpoint }),
      ssh: {
        private_key: key,
        ...(bastion
          ? { bastion: { host: "10.9.9.9", port: 2200, host_key: hostKey(90), private_key: key } }
          : {}),
      },
    },
    nodes: nodes.map(({ roles, host, port }, i) => {
      const all = [
        ...new Set([...roles, ...(i === 0 ? ["master", ...(stored ? ["ceph-mon"] : [])] : [])]),
      ];
      return {
        name: `node-${i}`,
        ip: `10.0.0.${i + 1}`,
        roles: all,
        host_key: `${hostKey(i)} a comment`,
        ssh: {
          ...(host === undefined ? {} : { host: `${host}-${i}.example.org` }),
          ...(port === undefined ? {} : { port }),
        },
        ...(all.includes("ceph-osd") ? { storage: { devices: [{ path: "/dev/vdb" }] } } : {}),
      };
    }),
  };
}

/** Paths of all values in a file that another resource may make. */
function outputsOf(file: FileData): Path[] {
  const places: Path[] = [
    ["cluster", "ssh", "private_key"],
    ...["host", "port", "host_key", "private_key"].map((key) => ["cluster", "ssh", "bastion", key]),
    ...(file.nodes as unknown[]).flatMap((_, i) => [
      ["nodes", i, "ip"],
      ["nodes", i, "host_key"],
      ["nodes", i, "ssh", "host"],
      ["nodes", i, "ssh", "port"],
    ]),
  ];
  return places.filter((path) => valueAt(file, path) !== undefined);
}

describe("a value with stand-ins", () => {
  it("is itself where there are none", () => {
    const value = { text: "240.1.2.3 and 10.0.0.1", list: [1, true, undefined] };
    assert.deepEqual(fill(value), value);
  });

  it("has the real values in every text, and only there outputs", async () => {
    const [a, b] = [later("10.0.0.1"), later("10.0.0.10")].map((ip) => standInFor(ip, ""));
    const value = { url: `https://${a}:2379,https://${b}`, list: [`${b}`, "plain"], of: a };
    const filled = fill(value) as typeof value;
    assert.deepEqual(await real(value), {
      url: "https://10.0.0.1:2379,https://10.0.0.10",
      list: ["10.0.0.10", "plain"],
      of: "10.0.0.1",
    });
    assert.equal(filled.list[1], "plain");
    assert.equal(await real(`[v2:${a}:3300]`), "[v2:10.0.0.1:3300]");
  });

  it("leaves alone what the arguments say themselves", async () => {
    const before = standInFor(later("10.0.0.1"), "");
    const n = Array.from({ length: 10_000 }, (_, i) => standIn(i)).indexOf(before);
    const text = `the operator's own ${standIn(n + 1)}`;
    assert.equal(standInFor(later("10.0.0.1"), text), standIn(n + 2));
    assert.equal(await real(text), text);
  });
});
