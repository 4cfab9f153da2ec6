import assert from "node:assert/strict";
import { compareClocks } from "../../status/ask";
import { type ClusterStatus, listed, span } from "../../status/cluster";
import { worst } from "../../status/finding";
import { judge } from "../../status/judge";
import { colours, paintFor, plain, table, wrap } from "../../status/paint";
import type { Report } from "../../status/report";
import { screen } from "../../status/screen";
import { document } from "../../status/document";
import { type Bend, plan, statusWith, now } from "./statusSample";

/** What is found, as `severity: sentence`. */
const found = (bends: Readonly<Record<string, Bend>>) =>
  judge(statusWith(bends)).map(({ severity, what }) => `${severity}: ${what}`);

const unreachable = { failure: "Timed out while waiting for handshake", reached: false };

describe("a node's clock", () => {
  it("is compared, and how sure that is", () => {
    assert.deepEqual(compareClocks(12_000, 10_000, 11_000), { offset: 1.5, error: 0.5 });
  });
});

describe("judging a cluster", () => {
  it("finds nothing where all is as the file says", () => {
    assert.deepEqual(found({}), []);
  });

  it("finds no fault with a clock that may as well be right", () => {
    assert.deepEqual(found({ "worker-02": (report) => (report.clock += 0.53) }), []);
    assert.equal(found({ "worker-02": (report) => (report.clock += 0.58) }).length, 1);
  });

  const cases: readonly [string, Readonly<Record<string, Bend>>, RegExp][] = [
    [
      "a node that is dead",
      { "worker-02": unreachable },
      /^problem: worker-02 does not answer over SSH at 10.0.0.22:22 \(.*\); Ready for 3 d$/,
    ],
    [
      "another host key",
      { "worker-02": { failure: "host key mismatch", reached: false, remedy: "do not go on" } },
      /^problem: worker-02 is not reached: host key mismatch$/,
    ],
    [
      "a node without report",
      { "worker-02": { failure: "it printed nothing instead of a report", reached: true } },
      /^problem: worker-02 lets us in, but gives no report: it printed nothing/,
    ],
    [
      "a node of another cluster",
      { "worker-02": ({ lock }) => lock && (lock.cluster_id = "bad") },
      /^problem: worker-02 belongs to cluster sample \(bad\), not to this one$/,
    ],
    [
      "a node under another name",
      { "worker-02": ({ lock }) => lock && (lock.node = "x") },
      /^problem: worker-02 is x of this cluster by its own lock$/,
    ],
    [
      "a reinstalled node",
      {
        "worker-02": (report) => {
          report.lock = null;
          for (const step of Object.keys(report.steps)) delete report.steps[step];
        },
      },
      /^problem: worker-02 was installed anew/,
    ],
    [
      "a step not done",
      { "worker-02": ({ steps }) => delete steps["kubelet"] },
      /^problem: worker-02 has not got through step kubelet$/,
    ],
    [
      "the first of all steps that a former life of the machine did",
      {
        "worker-01": ({ steps }) => {
          for (const name of ["claim", "prepare"])
            Object.assign(steps[name] ?? {}, { identity: "new" });
        },
      },
      /^problem: worker-01 has not got through step credentials$/,
    ],
    [
      "an OSD that was not made, once",
      {
        "worker-01": ({ steps }) => delete steps["ceph-osd-sdb"],
        "*": ({ ceph }) => ceph?.osds.pop(),
      },
      /^problem: worker-01 has not got through step ceph-osd-sdb$/,
    ],
    [
      "machines of a release that noted no steps, once, and as no problem",
      {
        "*": (report) => {
          report.steps = {};
        },
      },
      /^notice: how far an up got on master-01, .* and worker-02 is not known: an earlier release did their steps$/,
    ],
    [
      "a dead unit",
      {
        "worker-02": ({ units }) =>
          units[1] && Object.assign(units[1], { active: "failed", sub: "failed", restarts: 4 }),
      },
      /^problem: kubelet on worker-02 is failed \(failed\) for 3 d, after 4 restarts$/,
    ],
    [
      "a unit that is gone",
      { "worker-02": (report) => report.units.shift() },
      /^problem: worker-02 has no unit containerd$/,
    ],
    [
      "an API that is out of reach",
      { "worker-02": (report) => (report.apiReady = false) },
      /^problem: worker-02 finds no API server at/,
    ],
    [
      "a full disk",
      { "worker-02": (report) => (report.disk = { size: 100, free: 4 }) },
      /^problem: worker-02 has 4 % of \/var\/lib free$/,
    ],
    [
      "a setting of the kernel that keeps a kubelet from starting",
      {
        "worker-02": (report) =>
          (report.settings = [
            { key: "kernel.panic", wanted: "10", now: "60", file: "/etc/sysctl.d/99-db.conf" },
          ]),
      },
      /^problem: worker-02 has kernel\.panic = 60, not 10, and its kubelet starts with no other; \/etc\/sysctl\.d\/99-db\.conf sets it after the cluster's 90-groundwork\.conf$/,
    ],
    [
      "a setting of the kernel that comes with the next boot",
      {
        "worker-02": (report) =>
          (report.settings = [
            { key: "kernel.panic", wanted: "10", now: "10", file: "/etc/sysctl.d/99-db.conf" },
          ]),
      },
      /^notice: worker-02 will not have kernel\.panic = 10 after its next boot: \/etc\/sysctl\.d\/99-db\.conf is read after the cluster's 90-groundwork\.conf$/,
    ],
    [
      "a machine that is to be restarted",
      {
        "worker-02": (report) =>
          (report.packages = {
            outdated: 3,
            lists: now,
            restart: "kernel 6.12.9 is installed, and 6.12.1 runs",
          }),
      },
      /^notice: worker-02 is to be restarted \(kernel 6\.12\.9 is installed, and 6\.12\.1 runs\)$/,
    ],
    [
      "a disk that fills",
      { "worker-02": (report) => (report.disk = { size: 100, free: 10 }) },
      /^notice: worker-02 has 10 % of \/var\/lib free$/,
    ],
    [
      "a clock ahead",
      { "worker-02": (report) => (report.clock += 2) },
      /^problem: the clock of worker-02 is 2.0 s ahead$/,
    ],
    [
      "this machine's clock",
      { "*": (report) => (report.clock -= 2) },
      /^notice: this machine's clock differs from that of all nodes: master-01 2.0 s behind, /,
    ],
    [
      "a certificate to renew",
      {
        "worker-02": ({ certificates }) =>
          certificates.push({ path: "/x.crt", expires: "2027-01-01T00:00:00Z" }),
      },
      /^notice: \/x.crt on worker-02 ends in 40 days$/,
    ],
    [
      "a certificate that ends in ten days",
      {
        "worker-02": ({ certificates }) =>
          certificates.push({ path: "/x.crt", expires: "2026-12-01T12:00:00Z" }),
      },
      /^problem: \/x.crt on worker-02 ends in 10 days$/,
    ],
    [
      "a certificate that ended",
      {
        "worker-02": ({ certificates }) =>
          certificates.push({ path: "/x.crt", expires: "2026-11-11T12:00:00Z" }),
      },
      /^problem: \/x.crt on worker-02 ended 10 days ago$/,
    ],
    [
      "a damaged certificate",
      { "worker-02": ({ certificates }) => certificates.push({ path: "/x.crt", expires: null }) },
      /^problem: \/x.crt on worker-02 holds no certificate$/,
    ],
    [
      "a member of etcd that is not in the file",
      {
        "*": ({ etcd }) =>
          etcd?.members.push({
            id: "a9",
            started: true,
            name: "old",
            peer: "https://10.0.0.19:2380",
            learner: false,
          }),
      },
      /^problem: etcd has a member old at https:\/\/10.0.0.19:2380 that the file does not list/,
    ],
    [
      "a learner",
      { "*": ({ etcd }) => etcd?.members[2] && (etcd.members[2].learner = true) },
      /^problem: master-03's member of etcd is still a learner$/,
    ],
    [
      "a master that etcd has removed",
      {
        "*": ({ etcd }) => etcd && (etcd.members = etcd.members.slice(0, 2)),
        "master-03": ({ etcd }) => etcd && (etcd.id = undefined),
      },
      /^problem: etcd has no member for master master-03$/,
    ],
    [
      "a second etcd cluster",
      { "master-03": ({ etcd }) => etcd && (etcd.id = "b1") },
      /^problem: etcd on master-03 \(member b1\) is none of the cluster's members$/,
    ],
    [
      "an alarm of etcd",
      { "master-02": ({ etcd }) => etcd && (etcd.errors = "[NOSPACE]") },
      /^problem: etcd on master-02 says \[NOSPACE\]$/,
    ],
    [
      "a database that fills its quota",
      { "master-02": ({ etcd }) => etcd && (etcd.size = 1.8 * 1024 ** 3) },
      /^notice: etcd's database on master-02 fills 90 % of its quota$/,
    ],
    [
      "a snapshot that is old",
      {
        "master-02": ({ etcd }) => etcd?.snapshot?.good && (etcd.snapshot.good.time -= 3 * 3600),
      },
      /^notice: the last good snapshot of etcd is 3 h old \(etcd-\S+ on master-02\)$/,
    ],
    [
      "a snapshot that was never taken",
      { "master-02": ({ etcd }) => etcd && (etcd.snapshot = undefined) },
      /^notice: there is no snapshot of etcd$/,
    ],
    [
      "a snapshot that failed",
      {
        "master-01": ({ etcd }) =>
          etcd && (etcd.snapshot = { good: null, tried: now - 60, failure: "no room" }),
      },
      /^notice: the snapshot of etcd that master-01 took 60 s ago failed: no room$/,
    ],
    [
      "a restore that has not ended",
      { "master-01": ({ etcd }) => etcd && (etcd.halted = true) },
      /^problem: master-01 was stopped for a restore that has not ended$/,
    ],
    [
      "lost quorum",
      { "*": ({ etcd }) => etcd && (etcd.healthy = false) },
      /^problem: etcd has no quorum: 2 of master-01, master-02 and master-03 must run/,
    ],
    [
      "no API server",
      { "*": (report) => (report.kubernetes = undefined) },
      /^problem: no API server answers on master-01, master-02 and master-03$/,
    ],
    [
      "a Node that is not Ready",
      {
        "*": ({ kubernetes }) =>
          kubernetes?.nodes[4]?.ready &&
          Object.assign(kubernetes.nodes[4].ready, {
            status: "Unknown",
            since: "2026-11-21T11:55:00Z",
            message: "stopped posting",
          }),
      },
      /^problem: worker-02 is not Ready for 5 min: stopped posting$/,
    ],
    [
      "a cordoned Node",
      { "*": ({ kubernetes }) => kubernetes?.nodes[4] && (kubernetes.nodes[4].cordoned = true) },
      /^notice: worker-02 takes no new pods: it is cordoned$/,
    ],
    [
      "pressure",
      { "*": ({ kubernetes }) => kubernetes?.nodes[4]?.pressure.push("DiskPressure") },
      /^problem: worker-02 reports DiskPressure$/,
    ],
    [
      "another version",
      {
        "*": ({ kubernetes }) => kubernetes?.nodes[4] && (kubernetes.nodes[4].version = "v1.35.1"),
      },
      /^problem: worker-02 runs kubelet v1.35.1, the file says /,
    ],
    [
      "a Node that is not in the file",
      {
        "*": ({ kubernetes }) =>
          kubernetes?.nodes[4] && kubernetes.nodes.push({ ...kubernetes.nodes[4], name: "ghost" }),
      },
      /^problem: Kubernetes knows a node ghost that the file does not list$/,
    ],
    [
      "a node without Node",
      { "*": ({ kubernetes }) => kubernetes?.nodes.pop() },
      /^problem: Kubernetes does not know worker-02, which has joined$/,
    ],
    [
      "a request that waits",
      {
        "*": ({ kubernetes }) =>
          kubernetes?.requests?.push({
            name: "csr-1",
            signer: "kubernetes.io/kubelet-serving",
            user: "system:node:worker-02",
            since: "2026-11-21T11:40:00Z",
          }),
      },
      /^notice: system:node:worker-02 waits for 20 min for a certificate of kubernetes.io\/kubelet-serving$/,
    ],
    [
      "requests that are too many to be read",
      { "*": ({ kubernetes }) => kubernetes && (kubernetes.requests = null) },
      /^notice: Kubernetes has more certificate requests than can be looked at/,
    ],
    [
      "name service that does not run",
      { "*": ({ kubernetes }) => kubernetes?.workloads[0] && (kubernetes.workloads[0].ready = 0) },
      /^problem: coredns in kube-system runs 0 of 2 pods$/,
    ],
    [
      "a warning of Ceph",
      {
        "*": ({ ceph }) =>
          ceph &&
          Object.assign(ceph, {
            health: "HEALTH_WARN",
            checks: [{ name: "X", severity: "HEALTH_WARN", message: "too few PGs" }],
          }),
      },
      /^problem: Ceph says HEALTH_WARN: too few PGs$/,
    ],
    [
      "Ceph without quorum",
      { "*": (report) => (report.ceph = undefined) },
      /^problem: Ceph answers none of its monitors' machines/,
    ],
    [
      "a monitor that is not in the file",
      { "*": ({ ceph }) => ceph?.monitors.push({ name: "old", quorum: false }) },
      /^problem: Ceph has a monitor old that the file does not list$/,
    ],
    [
      "a monitor that is missing",
      { "*": ({ ceph }) => ceph?.monitors.pop() },
      /^problem: Ceph has no monitor on master-03$/,
    ],
    [
      "no manager",
      { "*": ({ ceph }) => ceph && (ceph.manager = null) },
      /^problem: no manager of Ceph is active$/,
    ],
    [
      "an OSD that is down",
      { "*": ({ ceph }) => ceph?.osds[0] && (ceph.osds[0].up = false) },
      /^problem: osd.0 on worker-01 \(\/dev\/sdb\) is down$/,
    ],
    [
      "an OSD that is out",
      { "*": ({ ceph }) => ceph?.osds[0] && (ceph.osds[0].in = false) },
      /^problem: osd.0 on worker-01 \(\/dev\/sdb\) is out/,
    ],
    [
      "an OSD that is missing",
      { "*": ({ ceph }) => ceph?.osds.pop() },
      /^problem: Ceph has no OSD for \/dev\/sdb of worker-01$/,
    ],
    [
      "an OSD that is not in the file",
      { "*": ({ ceph }) => ceph?.osds.push({ id: 7, uuid: "u", up: true, in: true }) },
      /^problem: Ceph has an OSD osd.7 that the file does not list$/,
    ],
  ];
  for (const [what, bends, expected] of cases) {
    it(`finds ${what}, and nothing else`, () => {
      const findings = found(bends);
      assert.equal(findings.length, 1, findings.join("\n"));
      assert.match(findings[0] ?? "", expected);
    });
  }

  it("says of a dead node what the cluster misses, once, and how to go on without it", () => {
    const findings = judge(
      statusWith({
        "master-03": unreachable,
        "*": ({ kubernetes, ceph }) => {
          const ready = kubernetes?.nodes[2]?.ready;
          if (ready) Object.assign(ready, { status: "Unknown", since: "2026-11-21T11:59:00Z" });
          if (ceph?.monitors[2]) ceph.monitors[2].quorum = false;
        },
      }),
    );
    assert.deepEqual(
      findings.map(({ what }) => what),
      [
        "master-03 does not answer over SSH at 10.0.0.13:22 (Timed out while waiting for handshake); " +
          "not Ready for 60 s; its monitor is out of the quorum",
      ],
    );
    assert.match(findings[0]?.remedy ?? "", /power it on.*lost: true.*pulumi up/);
  });

  it("puts problems before notices", () => {
    const findings = found({
      "master-01": (report) => (report.disk = { size: 100, free: 10 }),
      "worker-02": unreachable,
    });
    assert.deepEqual(
      findings.map((finding) => finding.split(":")[0]),
      ["problem", "notice"],
    );
  });
});

describe("a line of the screen", () => {
  it("is as bad as the worst of what it shows", () => {
    assert.equal(worst([undefined, "notice", "problem"]), "problem");
    assert.equal(worst([undefined, "notice"]), "notice");
    assert.equal(worst([undefined]), undefined);
  });
});

describe("the screen", () => {
  const show = (bends: Readonly<Record<string, Bend>> = {}) => {
    const status = statusWith(bends);
    return screen(status, judge(status), { paint: plain, width: 100, seconds: 1.2 });
  };

  it("has a line a node and a line a part, none too long for a terminal of 100 columns", () => {
    const lines = show().split("\n");
    assert.match(lines[0] ?? "", /^sample is healthy +5 nodes asked in 1.2 s$/);
    for (const { name } of plan.nodes)
      assert.ok(
        lines.some((line) => line.includes(`✓ ${name}`.slice(0, 1)) && line.includes(name)),
      );
    assert.match(
      show(),
      /master-02 +master-additional +joined +13\/13 +Ready +leader +mgr mon +344 d +40 % +3 d/,
    );
    assert.match(show(), /etcd +3 members healthy, leader master-02, database 4.0 MiB/);
    assert.match(show(), /snapshot +20 min ago, etcd-20261121T114000Z-r4711-master-02.db.zst on/);
    assert.match(
      show(),
      /Ceph +HEALTH_OK, 3 monitors in quorum, manager master-01, 1 OSDs up, 1 in, 3.0 GiB of 100 GiB used/,
    );
    assert.deepEqual(
      lines.filter((line) => line.length > 120),
      [],
    );
  });

  it("marks the node that is not well, and says what to do", () => {
    const text = show({ "worker-02": unreachable });
    assert.match(text, /^sample is unhealthy/);
    assert.match(text, /^✗ +worker-02 +worker +no answer/m);
    assert.match(text, /^ {2}→ power it on/m);
  });

  it("colours the days until a certificate ends as it is judged", () => {
    for (const [path, expires, cell] of [
      ["/x.crt", "2027-02-01T12:00:00Z", "72 d"],
      ["/x.crt", "2027-01-01T12:00:00Z", colours("41 d", "warn")],
      ["/x.crt", "2026-12-05T12:00:00Z", colours("14 d", "warn")],
      ["/x.crt", "2026-12-05T11:00:00Z", colours("13 d", "bad")],
      ["/var/lib/kubelet/pki/kubelet.crt", "2027-01-01T12:00:00Z", "41 d"],
      ["/etc/kubernetes/pki/ca.crt", "2027-02-01T12:00:00Z", colours("72 d", "warn")],
    ] as const) {
      const bends = {
        "worker-02": ({ certificates }: Report) => certificates.push({ path, expires }),
      };
      const status = statusWith(bends);
      const [row = assert.fail()] = screen(status, judge(status), {
        paint: colours,
        width: 100,
        seconds: 1,
      })
        .split("\n")
        .filter((line) => line.includes("worker-02") && line.includes(" d"));
      assert.ok(row.includes(`${cell} `), `${path} ${expires}: ${row}`);
    }
  });

  it("shows which packages are outdated, by lists how old, and who is to be restarted", () => {
    const text = show({
      "worker-02": (report) =>
        (report.packages = { outdated: 3, lists: now - 86400 * 2, restart: "a kernel" }),
    });
    assert.match(text, /^! +worker-02 .* 3 d, restart, 3 outdated$/m);
    assert.match(text, /^packages +3 on worker-02 outdated, by lists of up to 2 d ago$/m);
    assert.doesNotMatch(show(), /^packages/m);
  });

  it("shows where versions differ", () => {
    const text = show({ "worker-02": ({ versions }) => (versions.kernel = "6.1.0") });
    assert.match(text, /Linux 6\.12\.1 \(6\.1\.0 on worker-02\)/);
  });

  it("is coloured on a terminal only, and not where NO_COLOR is set", () => {
    assert.equal(paintFor({ isTTY: true }, {}), colours);
    assert.equal(paintFor({ isTTY: true }, { NO_COLOR: "1" }), plain);
    assert.equal(paintFor({}, {}), plain);
  });

  it("aligns columns by what is seen, and drops empty ones", () => {
    const rows = [[{ text: "long", style: "bad" as const }, { text: "" }, { text: "x" }]];
    assert.deepEqual(table(rows, ["A", "B", "C"], plain), ["A     C", "long  x"]);
    assert.equal(table(rows, ["A", "B", "C"], colours)[1], "\u001b[31mlong\u001b[39m  x");
  });

  it("breaks long sentences between words", () => {
    assert.deepEqual(wrap("one two three", 7, " "), ["one two", " three"]);
  });

  it("lists many things by the first of them", () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => String(i));
    assert.deepEqual([0, 1, 3].map(names).map(listed), ["none", "0", "0, 1 and 2"]);
    assert.match(listed(names(12)), /^0, .*, 10 and 11$/);
    assert.match(listed(names(100)), /^0, .*, 9 and 90 more$/);
  });

  it("tells spans in one unit", () => {
    assert.deepEqual([5, 119, 120, 7200, 172800].map(span), [
      "5 s",
      "119 s",
      "2 min",
      "2 h",
      "2 d",
    ]);
  });
});

describe("nodes that are not managed", () => {
  const unmanaged = [{ name: "edge-01", ip: "10.0.0.31", certSans: [] }];
  const edgeIs = (status?: string, reached = true): ClusterStatus =>
    statusWith(
      {
        "*": ({ kubernetes }) => {
          if (kubernetes === undefined || status === undefined) return;
          const [first] = kubernetes.nodes;
          const ready = { status, since: "2026-11-21T11:50:00Z", message: "silent" };
          if (first) kubernetes.nodes.push({ ...first, name: "edge-01", version: "v1.0.0", ready });
          kubernetes.kubelets.push({ name: "edge-01", reached });
        },
      },
      unmanaged,
    );
  const shown = (status: ClusterStatus) =>
    screen(status, judge(status), { paint: plain, width: 120, seconds: 1 });
  const whatOf = (status: ClusterStatus) =>
    judge(status).map(({ severity, what, remedy }) => [severity, what, remedy].join(": "));

  it("are told apart, and well when they are Ready, whatever they run", () => {
    const status = edgeIs("True");
    assert.deepEqual(whatOf(status), []);
    assert.match(shown(status), /✓ +edge-01 +worker +unmanaged +Ready/);
    assert.match(shown(status), /API servers answer, 5 nodes Ready, 1 unmanaged Ready,/);
    const said = JSON.parse(
      document(status, judge(status), { healthy: true, seconds: 1 }),
    ) as object;
    assert.deepEqual((said as { unmanaged: unknown }).unmanaged, [
      { name: "edge-01", ip: "10.0.0.31", ready: true },
    ]);
  });

  for (const [status, told, cell] of [
    [
      edgeIs(),
      "notice: edge-01, which is not managed, has not come: make a ticket for it (npm run ticket -- edge-01) and start its kubelet with that",
      "unknown",
    ],
    [
      edgeIs("Unknown"),
      "notice: edge-01, which is not managed, is not Ready for 10 min: silent: see its kubelet's log on its machine, which nothing of this cluster looks after",
      "NotReady",
    ],
    [
      edgeIs("True", false),
      "notice: the API server of master-01, master-02 and master-03 does not reach the kubelet of edge-01, which is not managed: kubectl logs and exec fail for its pods: see whether the masters reach its port 10250, and why its request for a serving certificate was denied: journalctl -u groundwork-admission on the masters",
      "Ready",
    ],
  ] as const)
    it(`make no cluster unhealthy: ${told.slice(8, 60)}...`, () => {
      assert.deepEqual(whatOf(status), [told]);
      assert.match(shown(status), new RegExp(`! +edge-01 +worker +unmanaged +${cell}`));
      assert.match(shown(status), /sample is healthy/);
      const ready = told.includes("not Ready") || told.includes("has not") ? "0 of 1" : "1";
      assert.match(shown(status), new RegExp(`5 nodes Ready, ${ready} unmanaged Ready`));
    });
});

describe("the document for machines", () => {
  it("holds every node with its report or its failure, and the findings", () => {
    const status = statusWith({ "worker-02": unreachable });
    const text = document(status, judge(status), { healthy: false, seconds: 1 });
    const data = JSON.parse(text) as {
      healthy: boolean;
      findings: { node: string }[];
      nodes: { name: string; failure?: string; report?: { host: string } }[];
    };
    assert.equal(data.healthy, false);
    assert.deepEqual(
      data.findings.map(({ node }) => node),
      ["worker-02"],
    );
    assert.deepEqual(
      data.nodes.map(({ name, failure, report }) => [name, failure ?? report?.host]),
      plan.nodes.map(({ name }) => [name, name === "worker-02" ? unreachable.failure : name]),
    );
  });
});
