import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { judgeFirewall } from "../../status/judge/firewall";
import type { Report } from "../../status/report";
import { ports } from "../../config/ports";
import { firewallRules } from "../../steps/firewall/rules";
import { sources } from "../../steps/program";
import { planOfSample } from "../graph/select";
import { planOf, problemsOf, sampleFile, withValue } from "./clusterSample";
import { type Bend, plan as statusPlan, statusWith } from "./statusSample";

const sample = planOfSample("walled");
const nodeOf = (name: string) => {
  const node = sample.nodes.find((node) => node.name === name);
  assert.ok(node);
  return node;
};
const rulesOf = (name: string, plan = sample) => firewallRules(plan, nodeOf(name));
/** The lines of a chain. */
const chain = (text: string, name: string) =>
  (new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n {2}\\}`).exec(text)?.[1] ?? "")
    .split("\n")
    .map((line) => line.trim());
const leads = (name: string, plan = sample) =>
  chain(rulesOf(name, plan), "input").filter((line) => line.includes(" goto "));
const elements = (text: string, set: string) =>
  [
    ...(new RegExp(`set ${set} \\{[^}]*?elements = \\{([^}]*)\\}`).exec(text)?.[1] ?? "").matchAll(
      /^ *([0-9./]+),/gm,
    ),
  ].map(([, one]) => one);

describe("the rules of a node's firewall", () => {
  it("close a master's etcd, kubelet and pod network, and its API where clients are named", () => {
    assert.deepEqual(leads("master-01"), [
      "udp dport { 8472 } goto from_peers",
      "tcp dport { 2379, 2380 } goto from_etcd",
      "tcp dport { 10250 } goto from_nodes",
      "tcp dport { 6443 } goto from_clients",
    ]);
  });

  it("close a worker's kubelet and pod network", () =>
    assert.deepEqual(leads("worker-01"), [
      "udp dport { 8472 } goto from_peers",
      "tcp dport { 10250 } goto from_nodes",
    ]));

  it("close what of Ceph a machine of storage has", () =>
    assert.deepEqual(leads("store-01"), [
      "tcp dport { 3300, 6789, 9283 } goto from_nodes",
      "tcp dport { 6800-7568 } goto from_ceph",
      "tcp dport { 8443 } goto from_clients",
    ]));

  it("leave the API and the dashboard open where nobody is named", () => {
    const open = {
      ...sample,
      networking: { ...sample.networking, firewall: { trusted: [], clients: [] } },
    };
    for (const name of ["master-01", "store-01"])
      assert.doesNotMatch(leads(name, open).join(), /6443|8443/);
  });

  it("close the port that a kubelet has, and those of the network plugin", () => {
    const { networking } = sample;
    const settings = { encryption: "wireguard", vxlan: "always", images: {} };
    const calico = { ...sample, networking: { ...networking, plugin: "calico", settings } };
    assert.equal(leads("worker-01", calico)[0], "udp dport { 4789, 51820 } goto from_peers");
    const node = nodeOf("worker-01");
    const moved = { ...node, kubelet: { ...node.kubelet, config: { port: 10350 } } };
    assert.match(firewallRules(sample, moved), /tcp dport \{ 10350 \} goto from_nodes/);
    const none = { ...sample, networking: { ...networking, plugin: "none" } };
    assert.doesNotMatch(rulesOf("worker-01", none), /udp dport \{/);
  });

  it("let in all nodes that live, and the network of Ceph alone to Ceph", () => {
    const text = rulesOf("store-01");
    assert.deepEqual(elements(text, "nodes"), ["10.0.0.11", "10.0.0.31", "10.0.0.21", "10.0.0.41"]);
    assert.deepEqual(elements(text, "masters"), ["10.0.0.11"]);
    assert.deepEqual(elements(text, "storage"), ["10.1.0.0/24"]);
    assert.deepEqual(elements(text, "leaving"), []);
    const nodes = sample.nodes.map((node) => ({ ...node, lost: node.name === "worker-01" }));
    const without = firewallRules({ ...sample, nodes }, nodeOf("store-01"));
    assert.ok(!elements(without, "nodes").includes("10.0.0.21"));
  });

  it("let in every address that the file gives a node", () => {
    const links = [
      {
        addresses: ["10.0.0.21/24", "10.2.0.21/24"],
        nameservers: [],
        macAddresses: [],
        vlans: [{ id: 7, addresses: ["10.3.0.21/24"], nameservers: [] }],
      },
    ];
    const nodes = sample.nodes.map((node) =>
      node.name === "worker-01" ? { ...node, network: { links } } : node,
    );
    const text = firewallRules({ ...sample, nodes }, nodeOf("store-01"));
    for (const address of ["10.0.0.21", "10.2.0.21", "10.3.0.21"])
      assert.ok(elements(text, "nodes").includes(address), address);
  });

  it("drop nothing by a policy, and nothing that is not asked for", () => {
    for (const { name } of sample.nodes) {
      const text = rulesOf(name);
      assert.match(text, /hook input priority filter - 10; policy accept;/);
      assert.equal(text.match(/policy/g)?.length, 1);
      assert.doesNotMatch(text, /flush|\b22\b/);
      for (const line of chain(text, "input").filter((line) => /\bdrop$/.test(line)))
        assert.match(line, /^ip saddr @leaving udp dport 9 /);
    }
  });

  it("are no firewall of somebody else's to preflight", () => {
    const library = readFileSync(sources.get("guards-lib.sh") ?? "", "utf8");
    // As nft lists them: with tabs.
    const listed = rulesOf("master-01")
      .replace(/^table inet groundwork \{\}\ndelete .*\n/m, "")
      .replace(/^( {2})+/gm, (blanks) => "\t".repeat(blanks.length / 2));
    const droppers = (ruleset: string) =>
      spawnSync("bash", ["-c", `${library}\nnft() { cat; }\ncommand() { false; }\ndroppers`], {
        input: ruleset,
        encoding: "utf8",
      }).stdout;
    assert.equal(droppers(listed), "");
    assert.match(droppers(listed.replace("policy accept", "policy drop")), /inet groundwork/);
  });
});

describe("the ports of the cluster", () => {
  it("are those that preflight asks others to let through", () => {
    const needed = /^needed\(\) \{([^]*?)^\}/m.exec(
      readFileSync(sources.get("guards-lib.sh") ?? "", "utf8"),
    )?.[1];
    const { etcdClient, etcdPeer, apiServer, kubelet, cephMonitor, cephMonitorV1, cephDaemons } =
      ports;
    for (const words of [
      `${etcdClient}-${etcdPeer} ${apiServer}`,
      `(${kubelet})`,
      `(${cephMonitor} ${cephMonitorV1})`,
      `(${cephDaemons.join("-")})`,
    ])
      assert.ok(needed?.includes(words), words);
  });
});

describe("the file's firewall", () => {
  const withFirewall = (firewall: unknown) =>
    withValue(sampleFile(), ["cluster", "networking", "firewall"], firewall);

  it("is off unless it is asked for", () => {
    assert.equal(planOf(sampleFile()).networking.firewall, undefined);
    assert.equal(planOf(withFirewall({ enabled: false })).networking.firewall, undefined);
    assert.deepEqual(
      planOf(
        withFirewall({ enabled: true, trusted: ["10.9.0.0/24", "10.8.0.0/24", "10.9.0.0/24"] }),
      ).networking.firewall,
      { trusted: ["10.8.0.0/24", "10.9.0.0/24"], clients: [] },
    );
  });

  it("names networks", () =>
    assert.deepEqual(problemsOf(withFirewall({ clients: ["10.0.0.9"] })), [
      "cluster.networking.firewall.clients[0]: 10.0.0.9 is not an IPv4 network; give an address and a prefix length, such as 10.244.0.0/16",
    ]));
});

describe("the status of a node's firewall", () => {
  const plan: typeof statusPlan = {
    ...statusPlan,
    networking: { ...statusPlan.networking, firewall: { trusted: [], clients: [] } },
  };
  const [master] = plan.masters;
  assert.ok(master);
  const rules = createHash("sha256").update(firewallRules(plan, master)).digest("hex");
  const found = (firewall: Report["firewall"], of = plan) => {
    const bend: Bend = (report: Report) => {
      if (report.steps.claim) report.steps.firewall = report.steps.claim;
      report.firewall = firewall;
    };
    const status = { ...statusWith({ "master-01": bend }), plan: of };
    return judgeFirewall(status)
      .map(({ what }) => what)
      .join("\n");
  };

  it("is good where the kernel has what is written, and that is the file's", () =>
    assert.equal(found({ rules, kernel: "same" }), ""));

  it("is bad where it is missing, another's, or another", () => {
    assert.match(
      found(undefined),
      /^master-01 has no rules of the cluster's firewall: .* open to whoever/,
    );
    assert.match(
      found({ rules, kernel: "absent" }),
      /^master-01 has no table of the cluster's firewall/,
    );
    assert.match(
      found({ rules, kernel: "other" }),
      /^master-01 has other rules in the cluster's table/,
    );
    assert.match(
      found({ rules: "f00", kernel: "same" }),
      /^master-01 has a firewall by other nodes/,
    );
    assert.match(
      found({ rules, kernel: "same" }, statusPlan),
      /^master-01 has a firewall .* the file has none/,
    );
  });
});
