import assert from "node:assert/strict";
import { gather } from "../../status/cluster";
import { judge } from "../../status/judge";
import { explain } from "../../status/judge/reach";
import { plain } from "../../status/paint";
import type { NetworkView, Report } from "../../status/report";
import { screen } from "../../status/screen";
import { type Bend, now, plan, podNetwork, statusWith } from "./statusSample";

const found = (bends: Readonly<Record<string, Bend>>) =>
  judge(statusWith(bends)).map(({ severity, what }) => `${severity}: ${what}`);

/** A node's view of the network, bent. */
const see =
  (bend: (seen: NonNullable<NetworkView["seen"]>, suspects: string[]) => unknown) =>
  ({ network }: Report) => {
    assert.ok(network?.seen);
    bend(network.seen, network.suspects);
  };

/** Packets that do not come from `from` to `to`, or back. */
function between(...pairs: readonly (readonly [string, string])[]): Record<string, Bend> {
  return Object.fromEntries(
    plan.nodes.map(({ name }) => [
      name,
      ({ network }: Report) => {
        for (const [a, b] of pairs)
          for (const one of network?.seen?.nodes ?? [])
            if (name === a && one.network === podNetwork(b)) one.reached = false;
      },
    ]),
  );
}
const others = (name: string) => plan.nodes.map((node) => node.name).filter((one) => one !== name);
/** Nothing comes to the nodes' pods, nor from them. */
const around = (...names: readonly string[]) =>
  between(
    ...names.flatMap((name) =>
      others(name).flatMap((other) => [[name, other] as const, [other, name] as const]),
    ),
  );
/** The way between two nodes, as the first of them tells, takes packets of `passes` bytes. */
const narrowed =
  (passes: number, ...networks: readonly string[]) =>
  ({ network }: Report) => {
    assert.ok(network?.seen);
    network.mtu = 1450;
    for (const one of network.seen.nodes) if (networks.includes(one.network)) one.passes = passes;
  };
/** One more bend of a node than there is. */
function also(bends: Record<string, Bend>, name: string, more: (report: Report) => unknown) {
  const former = bends[name];
  return {
    ...bends,
    [name]: (report: Report) => {
      if (typeof former === "function") former(report);
      more(report);
    },
  };
}

describe("judging the network of pods", () => {
  const cases: readonly [string, Readonly<Record<string, Bend>>, ...RegExp[]][] = [
    [
      "a node whose flannel has a former network",
      {
        ...around("worker-02"),
        "worker-02": ({ network }) => network && (network.subnet = "10.244.9.0/24"),
      },
      /^problem: pods of worker-02 are cut off: flannel has 10\.244\.9\.0\/24, Kubernetes gave 10\.244\.4\.0\/24$/,
    ],
    [
      "a bridge with a former network",
      { "worker-02": ({ network }) => network && (network.bridge = ["10.244.9.1"]) },
      /^problem: pods of worker-02 are cut off: their bridge cni0 has 10\.244\.9\.1, flannel has 10\.244\.4\.0\/24$/,
    ],
    [
      "a node that cannot look",
      { "worker-02": ({ network }) => network && (network.seen = null) },
      /^problem: what pods of worker-02 reach is not known/,
    ],
    [
      "a node that drops all packets of pods, and why",
      also(
        around("worker-02"),
        "worker-02",
        see((seen, suspects) => {
          seen.name = seen.address = false;
          suspects.push("nft table inet mine, chain forward, drops packets");
        }),
      ),
      /^problem: pods of worker-02 are cut off: they and those of other nodes do not reach each other, nor Services; nft table inet mine, chain forward, drops packets$/,
    ],
    [
      "a node without routes",
      also(around("worker-02"), "worker-02", ({ network }) => network && (network.routes = [])),
      /^problem: pods of worker-02 are cut off: .*; it has no route to 10\.244\.0\.0\/24, 10\.244\.1\.0\/24, 10\.244\.2\.0\/24 and 10\.244\.3\.0\/24$/,
    ],
    [
      "a node that has no route to another",
      also(
        between(["worker-02", "master-01"], ["master-01", "worker-02"]),
        "worker-02",
        ({ network }) => network && (network.routes = network.routes.slice(1)),
      ),
      /^problem: pods of worker-02 and master-01 do not reach each other; it has no route to 10\.244\.0\.0\/24$/,
    ],
    [
      "one direction that is closed",
      between(["master-02", "worker-01"]),
      /^problem: pods of master-02 do not reach those of worker-01$/,
    ],
    [
      "a node to which large packets do not come",
      {
        "*": narrowed(1350, podNetwork("worker-02")),
        "worker-02": narrowed(1350, ...others("worker-02").map(podNetwork)),
      },
      /^problem: packets of full size do not pass between pods of worker-02 and master-01, master-02, master-03 and worker-01: flannel reckons with 1450 bytes, and the largest that passes has 1350$/,
    ],
    [
      "a way that takes no large packets, told by one end",
      {
        "*": narrowed(0),
        "master-01": narrowed(1400, podNetwork("worker-01")),
      },
      /^problem: packets of full size do not pass between pods of (master-01 and worker-01|worker-01 and master-01): .* has 1400$/,
    ],
    [
      "machines between which there is room for less, once",
      { "*": narrowed(1350, ...plan.nodes.map(({ name }) => podNetwork(name))) },
      /^problem: packets of full size do not pass between pods of different nodes: .* 1350$/,
    ],
    [
      "two nodes that are cut off, each once",
      around("worker-01", "worker-02"),
      /^problem: pods of worker-01 are cut off/,
      /^problem: pods of worker-02 are cut off/,
    ],
    [
      "a node without its proxy's rules",
      {
        "worker-02": see((seen, suspects) => {
          seen.name = seen.address = false;
          suspects.push("the rules of nft table ip kube-proxy are gone");
        }),
      },
      /^problem: pods of worker-02 do not reach Services; the rules of nft table ip kube-proxy are gone$/,
    ],
    [
      "a node whose pods find no names",
      { "worker-02": see((seen) => (seen.name = false)) },
      /^problem: pods of worker-02 find no Service by its name, but reach one by its address$/,
    ],
    [
      "DNS that answers nobody, once",
      { "*": see((seen) => (seen.name = false)) },
      /^problem: pods find no Service by its name: the cluster's DNS does not answer$/,
    ],
    [
      "a dead node, and nothing of the pods that were on it",
      {
        ...between(...others("worker-02").map((other) => [other, "worker-02"] as const)),
        "master-01": see((seen) => (seen.name = false)),
        "worker-02": { failure: "Timed out while waiting for handshake", reached: false },
      },
      /^problem: worker-02 does not answer over SSH/,
    ],
    [
      "a kubelet that no API server reaches",
      {
        "*": ({ kubernetes }) =>
          kubernetes?.kubelets[4] && (kubernetes.kubelets[4].reached = false),
      },
      /^problem: no API server reaches the kubelet of worker-02: kubectl logs and exec fail/,
    ],
    [
      "an API server that does not reach a kubelet",
      {
        "master-03": ({ kubernetes }) =>
          kubernetes?.kubelets[4] && (kubernetes.kubelets[4].reached = false),
      },
      /^problem: the API server of master-03 does not reach the kubelet of worker-02/,
    ],
  ];
  for (const [what, bends, ...expected] of cases) {
    it(`finds ${what}, and nothing else`, () => {
      const findings = found(bends);
      assert.equal(findings.length, expected.length, findings.join("\n"));
      expected.forEach((pattern, i) => assert.match(findings[i] ?? "", pattern));
    });
  }

  it("calls neither of two nodes cut off from all others", () => {
    const looker = (name: string) => ({
      ...{ name, own: name, routes: new Set(["a", "b"]), suspects: [] },
      seen: { name: true, address: true, networks: new Map([["a", false] as const, ["b", false]]) },
    });
    const { cut, gaps } = explain([looker("a"), looker("b")]);
    assert.deepEqual([cut.length, gaps.length], [0, 1]);
  });

  it("says what to do about each", () => {
    for (const [, bends] of cases)
      for (const { remedy } of judge(statusWith(bends))) assert.ok(remedy.length > 10);
  });

  it("shows in the node's line that Ready is not all", () => {
    const status = statusWith(around("worker-02"));
    const shown = screen(status, judge(status), { paint: plain, width: 100, seconds: 1 });
    assert.match(shown, /^✗ +worker-02 .* cut off /m);
    assert.match(shown, /^✓ +worker-01 .* Ready /m);
  });

  it("takes no time that a screen of hundreds of nodes shows", () => {
    const { answers } = statusWith();
    const [master, worker] = [answers[0], answers[4]];
    assert.ok(master && "report" in master && worker && "report" in worker);
    const own = (i: number) => `10.${i >> 8}.${i & 255}.0/24`;
    const names = Array.from({ length: 300 }, (_, i) => `worker-${i}`);
    const view = structuredClone(master.report.kubernetes ?? assert.fail());
    const [sample = assert.fail()] = view.nodes;
    view.nodes = names.map((name, i) => ({ ...sample, name, podCIDR: own(i) }));
    const crowd = names.map((name, i) => {
      const network = {
        ...(worker.report.network ?? assert.fail()),
        subnet: own(i),
        bridge: [],
        routes: names.map((_, other) => own(other)),
      };
      return { ...worker, node: { ...worker.node, name }, report: { ...worker.report, network } };
    });
    const first = { ...master, report: { ...master.report, kubernetes: view } };
    const nodes = [master.node, ...crowd.map(({ node }) => node)];
    const status = gather({ ...plan, nodes }, [first, ...crowd], now);
    // Time of the processor: other tests run at the same moment.
    const began = process.cpuUsage();
    const shown = screen(status, judge(status), { paint: plain, width: 100, seconds: 1 });
    const { user, system } = process.cpuUsage(began);
    const seconds = (user + system) / 1e6;
    assert.ok(shown.split("\n").filter((line) => / worker-\d+ /.test(line)).length >= 300);
    assert.ok(seconds < 1, `${seconds} s`);
  });
});
