import assert from "node:assert/strict";
import { assertIsTheFile } from "./expected";
import { eventually, kubectl, must, on, run } from "./lab";

/** What a machine says of itself. */
interface Said {
  readonly lock: { readonly node: string };
  readonly steps: Readonly<Record<string, { readonly identity: string }>>;
  readonly units: readonly { readonly name: string; readonly active: string }[];
  readonly certificates: readonly unknown[];
}

interface Document {
  readonly healthy: boolean | null;
  readonly seconds: number;
  readonly findings: readonly {
    readonly node?: string;
    readonly what: string;
    readonly remedy: string;
  }[];
  readonly nodes: readonly {
    readonly name: string;
    readonly failure?: string;
    readonly next?: string | null;
    readonly report?: Said;
  }[];
}

const status = (args = "") =>
  run(`npm run --silent status -- --file .lab/cluster.yaml ${args}`, { seconds: 60 });
/** That the lab's host has little room left is no news of the cluster's. */
const ofHost = /has \d+ % of \/var\/lib free/;
const asJson = (output: string): Document => {
  const document = JSON.parse(output) as Document;
  return { ...document, findings: document.findings.filter(({ what }) => !ofHost.test(what)) };
};

describe("the cluster's status", function () {
  this.timeout(300_000);

  it("is healthy, on one screen, in a few seconds", async () => {
    // Whatever came before may have left Ceph still at work.
    const { stdout } = await eventually(() => {
      const healthy = status();
      assert.equal(healthy.status, 0, healthy.output);
      return healthy;
    }, 120);
    assert.match(stdout, /^lab is healthy/);
    const full = ofHost.test(stdout);
    for (const node of ["master-01", "master-02", "master-03", "worker-01", "worker-02"]) {
      assert.match(stdout, new RegExp(`^${full ? "!" : "✓"} +${node} .* joined .* Ready `, "m"));
    }
    assert.match(stdout, /etcd +3 members healthy, leader master-0/);
    assert.match(stdout, /Ceph +HEALTH_OK, 3 monitors in quorum, .* 3 OSDs up, 3 in/);
    const lines = stdout.trimEnd().split("\n");
    assert.ok(full || lines.length <= 24, stdout);
    assert.deepEqual(
      lines.filter((line) => line.length > 120),
      [],
    );
  });

  it("is one JSON document for machines, with every node's steps and certificates", () => {
    const { status: code, stdout } = status("--json");
    const { healthy, findings, nodes } = asJson(stdout);
    assert.deepEqual(
      { code, healthy, problems: findings },
      { code: 0, healthy: true, problems: [] },
    );
    for (const { name, next, report } of nodes) {
      assert.ok(report && next === null, `${name} is at ${next}`);
      const lives = new Set(Object.values(report.steps).map(({ identity }) => identity));
      assert.equal(lives.size, 1, `${name} notes steps of several lives`);
      assert.ok(report.certificates.length >= 3, `${name} has ${report.certificates.length}`);
    }
  });

  it("names a node that takes no pods, and stays healthy", () => {
    kubectl("cordon worker-02");
    try {
      const { status: code, stdout } = status();
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^! worker-02 takes no new pods/m);
    } finally {
      kubectl("uncordon worker-02");
    }
  });

  it("names a service that was stopped, with the node", () => {
    on("worker-02", "systemctl stop kube-proxy");
    try {
      const { status: code, stdout } = status();
      assert.equal(code, 1, stdout);
      assert.match(stdout, /^✗ kube-proxy on worker-02 is inactive \(dead\)/m);
    } finally {
      on("worker-02", "systemctl start kube-proxy");
    }
  });

  const others = (hook: string, policy: string, rule = "") =>
    `nft add table inet others; nft add chain inet others ${hook} '{ type filter hook ${hook} priority 0; policy ${policy}; }'` +
    (rule === "" ? "" : `; nft add rule inet others ${hook} ${rule}`);
  const withoutOthers = "nft delete table inet others";
  const followAgain = "systemctl restart flanneld";
  const broken = [
    [
      "drops",
      others("forward", "drop"),
      withoutOthers,
      /^pods of worker-02 are cut off: .*, nor Services; nft table inet others, chain forward, drops packets by default$/,
    ],
    [
      "refuses",
      others("forward", "accept", "reject"),
      withoutOthers,
      /^pods of worker-02 are cut off: .*; nft table inet others, chain forward, drops packets$/,
    ],
    [
      "forwards nothing",
      "sysctl -q -w net.ipv4.ip_forward=0",
      "sysctl -q -w net.ipv4.ip_forward=1",
      /^pods of worker-02 are cut off: .*; its kernel forwards no packets/,
    ],
    [
      "lost a route",
      "ip route delete $(ip route show dev flannel.1 | head -n 1)",
      followAgain,
      /^pods of worker-02 and \S+ do not reach each other; it has no route to 10\.244\.\d+\.0\/24$/,
    ],
    [
      "lost all routes",
      "ip route flush dev flannel.1",
      followAgain,
      /^pods of worker-02 are cut off: .*; it has no route to 10\.244\..* and 10\.244\.\d+\.0\/24$/,
    ],
    [
      "lost its proxy's rules",
      "systemctl stop kube-proxy; nft delete table ip kube-proxy",
      "systemctl start kube-proxy",
      /^kube-proxy on worker-02 is inactive/,
      /^pods of worker-02 do not reach Services; the rules of nft table ip kube-proxy are gone$/,
    ],
    [
      "has a pod network of its own",
      "sed -i 's/^\\(FLANNEL_SUBNET=10.244\\).*/\\1.99.1\\/24/' /run/flannel/subnet.env",
      followAgain,
      /^pods of worker-02 are cut off: flannel has 10\.244\.99\.0\/24, Kubernetes gave 10\.244\.\d+\.0\/24$/,
    ],
    [
      "lets no API server to its kubelet",
      others("input", "accept", "tcp dport 10250 drop"),
      withoutOthers,
      /^no API server reaches the kubelet of worker-02: kubectl logs and exec fail for its pods$/,
    ],
  ] as const;
  for (const [what, spoil, mend, ...expected] of broken) {
    it(`names a node whose pods cannot be used, because it ${what}, and that alone`, async () => {
      on("worker-02", spoil);
      try {
        const { seconds, findings } = asJson(status("--json").stdout);
        assert.ok(seconds < 10, `it took ${seconds} s`);
        assert.equal(findings.length, expected.length, JSON.stringify(findings));
        expected.forEach((pattern, i) => assert.match(findings[i]?.what ?? "", pattern));
        assert.ok(findings.every(({ node }) => node === "worker-02"));
      } finally {
        on("worker-02", mend);
      }
      await eventually(() => assert.equal(status().status, 0, status().stdout), 60);
    });
  }

  it("names a dead node, and is not held up by it", () => {
    must("lab/node kill worker-01");
    try {
      const { status: code, stdout } = status("--json");
      const { healthy, seconds, findings, nodes } = asJson(stdout);
      assert.deepEqual({ code, healthy }, { code: 1, healthy: false });
      assert.ok(seconds < 9, `it took ${seconds} s`);
      const finding = findings.find(({ node }) => node === "worker-01");
      assert.match(finding?.what ?? "", /^worker-01 does not answer over SSH/);
      assert.match(finding?.remedy ?? "", /power it on.*lost: true/);
      assert.deepEqual(
        nodes.filter(({ failure }) => failure !== undefined).map(({ name }) => name),
        ["worker-01"],
      );
    } finally {
      must("lab/node start worker-01");
    }
  });

  it("can be asked on a machine by hand, also without the rest of the repository", () => {
    const byHand = run(
      "cat networks/*/*-status-lib.sh status/status.sh | lab/ssh master-01 bash -s",
    );
    const { lock, steps, units } = JSON.parse(byHand.stdout) as Said;
    assert.equal(lock.node, "master-01");
    const kubernetes = ["claim", "prepare", "credentials", "genesis", "etcd", "control-plane"];
    for (const step of [...kubernetes, "kubelet"]) assert.ok(steps[step], `${step} is not noted`);
    assert.ok(units.some(({ name, active }) => name === "etcd" && active === "active"));
    assert.deepEqual(
      units.filter(({ active }) => active !== "active"),
      [],
    );
    const before = on(
      "master-01",
      "find /etc /var/lib/cluster-state /run/groundwork -newermt '-5 seconds' -type f",
    ).stdout;
    assert.equal(before, "", "it wrote something");
  });

  it("cannot be judged without a file, and says so with status 2", () => {
    const missing = run("npm run --silent status -- --file /nowhere.yaml");
    assert.equal(missing.status, 2, missing.output);
    assert.match(missing.stderr, /\/nowhere.yaml has one problem:\n {2}there is no such file/);
    const wrong = run("npm run --silent status -- --jsno");
    assert.equal(wrong.status, 2, wrong.output);
    assert.match(wrong.stderr, /usage: npm run status/);
  });

  it("is healthy again when the dead node is back", async () => {
    await eventually(() => assert.equal(status().status, 0, status().stdout), 180);
    await assertIsTheFile();
  });
});
