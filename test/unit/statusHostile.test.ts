import assert from "node:assert/strict";
import { mark, readReport } from "../../ssh/report";
import { gather } from "../../status/cluster";
import { judge } from "../../status/judge";
import { plain } from "../../status/paint";
import { type Report, report } from "../../status/report";
import { screen } from "../../status/screen";
import { type Bend, plan, statusWith } from "./statusSample";

const found = (bends: Readonly<Record<string, Bend>>) =>
  judge(statusWith(bends)).map(({ severity, what }) => `${severity}: ${what}`);

/** What a healthy master says of the cluster, for a worker to say it, too. */
function viewsOf(name: string): Pick<Report, "kubernetes" | "etcd" | "ceph"> {
  const answer = statusWith({}).answers.find(({ node }) => node.name === name);
  assert.ok(answer && "report" in answer);
  const { kubernetes, etcd, ceph } = answer.report;
  return structuredClone({ kubernetes, etcd, ceph });
}

describe("a worker that speaks of the cluster", () => {
  it("is told, part by part, and not believed", () => {
    const { kubernetes, etcd, ceph } = viewsOf("master-01");
    assert.ok(kubernetes && etcd && ceph);
    // A cluster in which all is well, but for one that is not there; nobody else has a view.
    kubernetes.nodes.push({
      ...structuredClone(kubernetes.nodes[0] ?? assert.fail()),
      name: "ghost",
    });
    etcd.members.push({ id: "b9", started: true, name: "ghost", peer: "x", learner: false });
    ceph.monitors.push({ name: "ghost", quorum: true });
    const findings = found({
      "worker-02": (report) => Object.assign(report, { kubernetes, etcd, ceph }),
    });
    assert.deepEqual(
      findings,
      ["kubernetes", "etcd", "ceph"].map(
        (part) =>
          `problem: worker-02 speaks of ${part} as a node with role ${part === "ceph" ? "ceph-mon" : "master"} does, ` +
          "which it is not; it is not believed",
      ),
    );
  });

  it("is not believed of kubelets that no API server is said to reach", () => {
    const { kubernetes } = viewsOf("master-01");
    assert.ok(kubernetes);
    for (const kubelet of kubernetes.kubelets) kubelet.reached = false;
    const findings = found({ "worker-02": (report) => Object.assign(report, { kubernetes }) });
    assert.equal(findings.length, 1, findings.join("\n"));
    assert.match(findings[0] ?? "", /^problem: worker-02 speaks of kubernetes .* not believed$/);
  });

  it("is not believed either where nobody else answers", () => {
    const views = viewsOf("master-01");
    const silent = { failure: "refused", reached: false };
    const status = statusWith({
      "master-01": silent,
      "master-02": silent,
      "master-03": silent,
      "worker-02": (report) => Object.assign(report, views),
    });
    assert.deepEqual(
      [status.kubernetes, status.members, status.ceph],
      [undefined, undefined, undefined],
    );
  });

  it("does not say which cluster this is, however many do", () => {
    const claim: Bend = ({ lock }) => lock && (lock.cluster_id = "bad");
    assert.deepEqual(
      found({ "worker-01": claim, "worker-02": claim, "master-03": claim }).filter((text) =>
        text.includes("belongs to cluster"),
      ),
      ["master-03", "worker-01", "worker-02"].map(
        (name) => `problem: ${name} belongs to cluster sample (bad), not to this one`,
      ),
    );
  });
});

describe("a hostile report", () => {
  const answer = statusWith({}).answers.find(({ node }) => node.name === "worker-02");
  assert.ok(answer && "report" in answer);
  const read = (bend: (report: Report) => void) => {
    const copy = structuredClone(answer.report);
    bend(copy);
    return readReport(`${mark}${JSON.stringify(copy)}`, report);
  };
  const many = <T>(one: T): T[] => new Array<T>(150_000).fill(one);

  it("floods nothing, and costs nobody else's", () => {
    const bent = read((report) => {
      report.certificates = many({ path: "/x", expires: "2026-11-22T00:00:00Z" });
      report.units = many({ name: "x", active: "failed", sub: "x", enabled: "x", restarts: 1e300 });
      report.cephDaemons = many({ name: `osd.${"9".repeat(500)}`, state: "x".repeat(500) });
      report.state["node-role"] = "x".repeat(10_000);
      report.disk = { size: 0, free: -1 };
      report.settings = many({ key: "x".repeat(500), wanted: "1", now: "2", file: "x" });
      report.clock = 1e300;
      const { network } = report;
      assert.ok(network?.seen);
      network.seen.name = network.seen.address = false;
      network.suspects = many("x".repeat(500)).slice(0, 1000);
      network.routes = many("10.0.0.0/24");
      network.bridge = many("10.244.4.1");
      network.seen.nodes = many({ network: "10.0.0.0/24", reached: false });
    });
    assert.ok(JSON.stringify(bent).length < 2_000_000);
    const status = statusWith({});
    const answers = status.answers.map((told) =>
      told.node.name === "worker-02" ? { ...answer, report: bent } : told,
    );
    const all = gather(plan, answers, status.now);
    const findings = judge(all);
    assert.deepEqual(
      findings.filter(({ node }) => node !== "worker-02"),
      [],
    );
    assert.ok(findings.length < 250, `${findings.length} findings`);
    assert.ok(findings.some(({ what }) => what.includes("do not reach Services; xxx")));
    for (const { what, remedy } of findings)
      assert.ok(what.length <= 1000 && remedy.length <= 1000, what);
    const text = screen(all, [], { paint: plain, width: 100, seconds: 1 });
    assert.ok(Math.max(...text.split("\n").map((line) => line.length)) < 300);
  });

  it("has no names but those of our own scripts", () => {
    const named = (name: string) =>
      readReport(
        `${mark}${JSON.stringify({ ...answer.report, steps: {} }).replace('"steps":{}', `"steps":{"${name}":{"at":"2026-11-21T12:00:00Z","identity":"x"}}`)}`,
        report,
      );
    for (const name of ["toString()", "x".repeat(201)])
      assert.throws(() => named(name), /not understood: steps/, name);
    assert.deepEqual(named("__proto__").steps, {});
  });
});

describe("a name that others chose", () => {
  const evil = ["$(reboot)", "a; reboot", "-oyaml", "a\nb", "`reboot`", "é"];
  const bends: Readonly<Record<string, (name: string) => Bend>> = {
    "of a certificate request":
      (name) =>
      ({ kubernetes }) =>
        kubernetes?.requests?.push({
          name,
          signer: "s",
          user: "u",
          since: "2026-11-21T11:40:00Z",
        }),
    "of a unit":
      (name) =>
      ({ units }) =>
        units.push({ name, active: "failed", sub: "failed", enabled: "enabled", restarts: 0 }),
    "of a setting":
      (name) =>
      ({ settings }) =>
        settings.push({ key: name, wanted: "1", now: "2" }),
    "of a Node":
      (name) =>
      ({ kubernetes }) => {
        const [node] = kubernetes?.nodes ?? [];
        if (node) kubernetes?.nodes.push({ ...node, name });
      },
    "of a monitor":
      (name) =>
      ({ ceph }) =>
        ceph?.monitors.push({ name, quorum: true }),
    "of a member of etcd":
      (id) =>
      ({ etcd }) =>
        etcd?.members.push({ id, started: true, name: "old", peer: "p", learner: false }),
  };
  for (const [what, bend] of Object.entries(bends)) {
    it(`is in a command that is offered only where a shell reads it as one word: that ${what}`, () => {
      const remedies = (name: string) =>
        judge(statusWith({ "*": bend(name) })).map(({ remedy }) => remedy);
      assert.ok(remedies("csr-x.1").every((remedy) => /( |@)csr-x\.1\b/.test(remedy)));
      for (const name of evil) {
        const said = remedies(name);
        assert.ok(said.length > 0);
        for (const remedy of said) assert.ok(!remedy.includes(name), remedy);
      }
    });
  }
});
