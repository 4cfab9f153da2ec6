import assert from "node:assert/strict";
import fc from "fast-check";
import { contains, parseAddress, parseNetwork } from "../../config/ipv4";
import { roleOf } from "../../config/plan";
import {
  allChecksums,
  type FileData,
  hostKey,
  planOf,
  privateKey,
  sampleFile,
  withValue,
} from "./clusterSample";

const nodesIn = (file: FileData) => file.nodes as FileData[];
const names = (nodes: readonly { name: string }[]) => nodes.map(({ name }) => name);

describe("the plan of a cluster file", () => {
  it("fills in what the file leaves open", () => {
    const plan = planOf(sampleFile());
    assert.deepEqual(plan.networking, {
      plugin: "flannel",
      podCidr: "10.244.0.0/16",
      nodeCidrMaskSize: 24,
      serviceCidr: "10.96.0.0/16",
      clusterDomain: "cluster.local",
      apiServiceIp: "10.96.0.1",
      dnsServers: [],
      dnsServiceIp: "10.96.0.10",
      settings: { network_policy: { enabled: false, default_deny: [] } },
      stubDomains: {},
    });
    assert.deepEqual(plan.endpoint, { host: "10.0.0.11", port: 6443 });
    const worker = plan.nodes[1];
    assert.deepEqual(
      { ...worker, artifacts: worker?.artifacts.map(({ name }) => name) },
      {
        name: "worker-01",
        ip: "10.0.0.21",
        hostname: "worker-01",
        architecture: "amd64",
        roles: ["worker"],
        ssh: { host: "10.0.0.21", port: 22, user: "root", hostKey: hostKey(2) },
        labels: { "node-role.kubernetes.io/worker": "" },
        taints: [],
        kubelet: { config: {}, extraArgs: {} },
        macAddresses: [],
        generation: 1,
        maintenance: 0,
        lost: false,
        artifacts: ["kubelet", "kube-proxy", "flanneld"],
      },
    );
  });

  it("reads control-plane as master", () => {
    const plan = planOf(withValue(sampleFile(), ["nodes", 1, "roles"], ["control-plane"]));
    assert.deepEqual(names(plan.masters), ["master-01", "worker-01"]);
    assert.deepEqual(plan.masters[1]?.roles, ["master"]);
  });

  it("keeps ordinary pods off a master, unless it is a worker too", () => {
    const plan = planOf(withValue(sampleFile(), ["nodes", 1, "roles"], ["worker", "master"]));
    const [master, both] = plan.masters;
    assert.deepEqual(master?.taints, [
      { key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
    ]);
    assert.deepEqual(both?.taints, []);
    assert.deepEqual(Object.keys(both?.labels ?? {}), [
      "node-role.kubernetes.io/control-plane",
      "node-role.kubernetes.io/worker",
    ]);
    assert.ok(both && roleOf(both) === "master");
  });

  it("gives nodes that only store nothing to download", () => {
    const plan = planOf(withValue(sampleFile(), ["nodes", 2, "roles"], ["ceph-mon"]));
    const storage = plan.nodes[2];
    assert.ok(storage && roleOf(storage) === "storage");
    assert.deepEqual([storage.artifacts, storage.labels], [[], {}]);
  });

  it("gives a node what all, its group and it have, the last before the first", () => {
    const kubelet = (config: object, extra_args: object = {}) => ({ config, extra_args });
    const cgroup = (path: string) => ({ "runtime-cgroups": path });
    const changes: [(string | number)[], unknown][] = [
      [
        ["cluster", "kubernetes", "kubelet"],
        kubelet(
          {
            maxPods: 50,
            featureGates: { CPUManagerPolicyAlphaOptions: true, CPUManagerPolicyBetaOptions: true },
          },
          cgroup("/all"),
        ),
      ],
      [
        ["groups", "gpu"],
        {
          labels: { rack: "1", kind: "gpu" },
          taints: [
            { key: "gpu", value: "yes", effect: "NoSchedule" },
            { key: "gpu", effect: "NoExecute" },
          ],
          kubelet: kubelet(
            {
              maxPods: 60,
              featureGates: { CPUManagerPolicyBetaOptions: false },
              allowedUnsafeSysctls: ["a", "b"],
            },
            cgroup("/gpu"),
          ),
        },
      ],
      [["nodes", 1, "group"], "gpu"],
      [["nodes", 1, "labels"], { rack: "2" }],
      [["nodes", 1, "taints"], [{ key: "gpu", value: "no", effect: "NoSchedule" }]],
      [
        ["nodes", 1, "kubelet"],
        kubelet({ featureGates: { KubeletInUserNamespace: true }, allowedUnsafeSysctls: ["c"] }),
      ],
    ];
    const file = changes.reduce(
      (file, [path, value]) => withValue(file, path, value),
      sampleFile(),
    );
    const [, own, other] = planOf(file).nodes;
    assert.deepEqual(own?.labels, { kind: "gpu", "node-role.kubernetes.io/worker": "", rack: "2" });
    assert.deepEqual(own.taints, [
      { key: "gpu", effect: "NoExecute" },
      { key: "gpu", value: "no", effect: "NoSchedule" },
    ]);
    assert.deepEqual(own.kubelet, {
      config: {
        allowedUnsafeSysctls: ["c"],
        featureGates: {
          CPUManagerPolicyAlphaOptions: true,
          CPUManagerPolicyBetaOptions: false,
          KubeletInUserNamespace: true,
        },
        maxPods: 60,
      },
      extraArgs: cgroup("/gpu"),
    });
    assert.deepEqual(other?.kubelet, {
      config: {
        featureGates: { CPUManagerPolicyAlphaOptions: true, CPUManagerPolicyBetaOptions: true },
        maxPods: 50,
      },
      extraArgs: cgroup("/all"),
    });
    assert.deepEqual(other.labels, { "node-role.kubernetes.io/worker": "" });
  });

  it("tells each file's URL, checksum and place", () => {
    const mirror = "https://mirror.example.org/files";
    const plan = planOf(
      withValue(sampleFile(), ["cluster", "artifacts", "base_url"], `${mirror}/`),
    );
    const etcd = plan.masters[0]?.artifacts.find(({ name }) => name === "etcd");
    assert.deepEqual(etcd, {
      name: "etcd",
      url: `${mirror}/github.com/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz`,
      sha256: "ab".repeat(32),
      installs: ["etcd", "etcdctl", "etcdutl"].map((name) => ({
        path:
          name === "etcd" ? "/usr/local/lib/groundwork/etcd-3.6.16/etcd" : `/usr/local/bin/${name}`,
        member: `etcd-v3.6.16-linux-amd64/${name}`,
      })),
    });
    assert.equal(
      planOf(sampleFile()).masters[0]?.artifacts[0]?.url,
      "https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kube-apiserver",
    );
  });

  it("may have the checksums of the version that the cluster leaves or comes to", () => {
    const sha256 = { ...allChecksums("1.35.4"), ...allChecksums(), ...allChecksums("1.36.999") };
    for (const version of ["1.35.4", "1.36.3"]) {
      const file = withValue(sampleFile(), ["cluster", "kubernetes", "version"], version);
      const plan = planOf(withValue(file, ["cluster", "artifacts", "sha256"], sha256));
      assert.ok(plan.masters[0]?.artifacts.some(({ url }) => url.includes(`/v${version}/`)));
    }
  });

  it("says how changes go through the nodes", () => {
    const rollout = (given: object) =>
      planOf(withValue(sampleFile(), ["cluster", "kubernetes", "rollout"], given)).kubernetes
        .rollout;
    const usual = { batch: { percent: 10 }, drain: "minor", drainSeconds: 300 };
    assert.deepEqual(rollout({}), usual);
    assert.deepEqual(rollout({ batch: 3, drain: "always" }), {
      ...usual,
      batch: { nodes: 3 },
      drain: "always",
    });
    assert.deepEqual(rollout({ batch: "50%" }).batch, { percent: 50 });
    for (const batch of [0, "0%", "150%", "some", 1.5])
      assert.throws(() => rollout({ batch }), /cluster\.kubernetes\.rollout\.batch/);
  });

  it("takes programs of the node's architecture", () => {
    const plan = planOf(withValue(sampleFile(), ["nodes", 1, "architecture"], "arm64"));
    for (const { url } of plan.nodes[1]?.artifacts ?? []) assert.match(url, /arm64/);
  });

  it("lets a node's SSH settings differ from the cluster's", () => {
    const [common, own] = [privateKey(), privateKey()];
    const ssh = {
      user: "deploy",
      port: 2222,
      private_key_file: "common",
      bastion: { host: "jump.example.org", host_key: `${hostKey(9)} root@jump` },
    };
    const file = withValue(withValue(sampleFile(), ["cluster", "ssh"], ssh), ["nodes", 1, "ssh"], {
      host: "w.example.org",
      port: 22,
      user: "root",
      private_key_file: "own",
    });
    const plan = planOf(file, { common, own });
    const bastion = {
      host: "jump.example.org",
      port: 22,
      user: "deploy",
      hostKey: hostKey(9),
      privateKey: common,
    };
    assert.deepEqual(plan.masters[0]?.ssh, {
      host: "10.0.0.11",
      port: 2222,
      user: "deploy",
      hostKey: hostKey(1),
      privateKey: common,
      bastion,
    });
    assert.deepEqual(plan.nodes[1]?.ssh, {
      host: "w.example.org",
      port: 22,
      user: "root",
      hostKey: hostKey(2),
      privateKey: own,
      bastion,
    });
  });

  it("lets a jump host have a port, a user and a key of its own", () => {
    const [nodes, jump] = [privateKey(), privateKey()];
    const own = { port: 2200, user: "guard", private_key_file: "jump" };
    const bastion = { host: "jump.example.org", host_key: hostKey(9), ...own };
    const ssh = { private_key_file: "nodes", bastion };
    const [node] = planOf(withValue(sampleFile(), ["cluster", "ssh"], ssh), { nodes, jump }).nodes;
    const { privateKey: key, port, user } = node?.ssh.bastion ?? {};
    assert.deepEqual({ key, port, user }, { key: jump, port: 2200, user: "guard" });
    assert.equal(node?.ssh.privateKey, nodes);
  });

  it("is the same in whatever order the file lists nodes and keys", () => {
    const file = withValue(sampleFile(), ["nodes", 1, "labels"], { b: "2", a: "1" });
    const plan = planOf(file);
    fc.assert(
      fc.property(fc.shuffledSubarray(nodesIn(file), { minLength: 3 }), (nodes) => {
        const shuffled = nodes.map((node) => Object.fromEntries(Object.entries(node).reverse()));
        assert.equal(JSON.stringify(planOf({ ...file, nodes: shuffled })), JSON.stringify(plan));
      }),
      { numRuns: 20 },
    );
  });

  it("of one node does not depend on the others", () => {
    const role = fc.constantFrom("master", "worker", "ceph-mon");
    const newcomer = fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/),
      roles: fc.uniqueArray(role, { minLength: 1 }),
      architecture: fc.constantFrom("amd64", "arm64"),
    });
    const file = sampleFile();
    const before = planOf(file).nodes;
    fc.assert(
      fc.property(newcomer, ({ name, roles, architecture }) => {
        const added = { name, roles, architecture, ip: "10.0.0.99", host_key: hostKey(99) };
        const after = planOf({ ...file, nodes: [added, ...nodesIn(file)] }).nodes;
        assert.deepEqual(
          after.filter((node) => node.name !== name),
          before,
        );
      }),
      { numRuns: 50 },
    );
  });

  it("has the API's and the DNS's address inside the service network, whatever it is", () => {
    const network = fc.record({
      base: fc.nat({ max: 0xffffff }),
      prefix: fc.integer({ min: 12, max: 28 }),
    });
    fc.assert(
      fc.property(network, ({ base, prefix }) => {
        const size = 2 ** (32 - prefix);
        // Somewhere in 172.0.0.0/8, far from the sample's pods and nodes.
        const first = base - (base % size);
        const cidr = `172.${first >> 16}.${(first >> 8) & 255}.${first & 255}/${prefix}`;
        const file = withValue(sampleFile(), ["cluster", "networking", "service_cidr"], cidr);
        const { apiServiceIp, dnsServiceIp } = planOf(file).networking;
        for (const ip of [apiServiceIp, dnsServiceIp]) {
          assert.ok(contains(parseNetwork(cidr), parseAddress(ip)), `${ip} is not in ${cidr}`);
        }
        const number = (ip: string) => Buffer.from(parseAddress(ip).octets).readUInt32BE();
        assert.equal(number(apiServiceIp) % size, 1);
        assert.equal(number(dnsServiceIp) % size, 10);
      }),
      { numRuns: 50 },
    );
  });

  it("knows checksums in any case of letters", () => {
    const upper = Object.fromEntries(
      Object.entries(allChecksums()).map(([key, sum]) => [key, sum.toUpperCase()]),
    );
    const plan = planOf(withValue(sampleFile(), ["cluster", "artifacts", "sha256"], upper));
    assert.deepEqual(plan, planOf(sampleFile()));
  });
});
