import { isInside } from "../../config/ipv4";
import { type ClusterStatus, listed, reportsOf, type Told } from "../../status/cluster";
import { about, type Finding } from "../../status/finding";
import { explain, type Gap, hasRoute, type Looker } from "../../status/judge/reach";
import { isDone } from "../../status/progress";
import type { KubernetesView } from "../../status/report";
import { policiesOf } from "./policies";
import { overhead, vxlanPort } from "./unit";

const { problem } = about("network");

/** Whether pods can be used: their network, and Services. Said once for each cause. */
export function judgeFlannel(status: ClusterStatus): Finding[] {
  const { kubernetes } = status;
  if (!kubernetes) return [];
  const nodes = joined(status, kubernetes);
  const [astray, sound] = [nodes.flatMap(astrayOf), nodes.flatMap(lookerOf)];
  const { cut, gaps } = explain(sound);
  return [
    ...astray,
    ...cut.map((one) => cutOff(one, sound)),
    ...gaps.map(gap),
    ...narrowWays(nodes),
    ...withoutPolicies(status, nodes),
    ...services(
      sound,
      cut,
      astray.length + cut.length + gaps.length > 0 || lacksNodes(status, kubernetes),
      status.plan.kubernetes.kubeProxy.mode === "off",
    ),
  ];
}

interface Joined {
  readonly told: Told;
  readonly known: KubernetesView["nodes"][number];
}

/** Nodes on which NetworkPolicy is not enforced, though the file says so: their pods reach, and are reached by, everybody. */
function withoutPolicies({ plan }: ClusterStatus, nodes: readonly Joined[]): Finding[] {
  if (!policiesOf(plan).enabled) return [];
  const names = nodes
    .filter(({ told }) => told.report.network?.policies === false)
    .map(({ known }) => known.name);
  return names.length === 0
    ? []
    : [
        problem(
          `NetworkPolicy is not enforced on ${listed(names)}: kube-network-policies does not judge packets there, and they pass`,
          "see kubectl -n kube-system get pods -l app=kube-network-policies -o wide, and their logs: what the kernel does not take (nft_queue) is named there",
          names.length === 1 ? names[0] : undefined,
        ),
      ];
}

/** Nodes that have joined and have a network: of the others enough is said. */
function joined({ answers }: ClusterStatus, { nodes }: KubernetesView): Joined[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return reportsOf(answers).flatMap((told) => {
    const known = byName.get(told.node.name);
    return known && told.report.network && isDone(told, "kubelet") ? [{ told, known }] : [];
  });
}

const anew =
  "systemctl restart flanneld there: it takes the network that Kubernetes gave, and pods on the former one are made anew";

/** A node whose pods have other addresses than the rest of the cluster believes, or that cannot say what they reach. */
function astrayOf({ told, known }: Joined): Finding[] {
  const { name, podCIDR } = known;
  const { subnet, bridge, seen } = told.report.network ?? { subnet: "", bridge: [], seen: null };
  const finding = (what: string, remedy: string) => [problem(what, remedy, name)];
  if (podCIDR && podCIDR !== subnet)
    return finding(
      `pods of ${name} are cut off: flannel has ${subnet}, Kubernetes gave ${podCIDR}`,
      anew,
    );
  const other = bridge.find((address) => !isInside(address, subnet));
  if (other !== undefined)
    return finding(
      `pods of ${name} are cut off: their bridge cni0 has ${other}, flannel has ${subnet}`,
      anew,
    );
  return seen
    ? []
    : finding(
        `what pods of ${name} reach is not known: it has no network namespace groundwork-probe`,
        "systemctl restart flanneld there: that makes it",
      );
}

function lookerOf(node: Joined): Looker[] {
  const { known, told } = node;
  const { network } = told.report;
  if (!network?.seen || !known.podCIDR || astrayOf(node).length > 0) return [];
  const { routes, seen, suspects } = network;
  const { name, address, nodes: looks } = seen;
  const networks = new Map(looks.map(({ network, reached }) => [network, reached]));
  return [
    {
      name: known.name,
      own: known.podCIDR,
      routes: new Set(routes),
      seen: { name, address, networks },
      suspects,
    },
  ];
}

function cutOff(one: Looker, all: readonly Looker[]): Finding {
  const others = all.filter((other) => other !== one);
  const lost = others.filter((other) => !hasRoute(one, other)).map(({ own }) => own);
  const unknown = others.filter((other) => !hasRoute(other, one)).map(({ name }) => name);
  const services = one.seen.address ? "" : ", nor Services";
  return problem(
    `pods of ${one.name} are cut off: they and those of other nodes do not reach each other${services}` +
      (lost.length > 0 ? `; it has no route to ${listed(lost)}` : "") +
      (unknown.length > 0 ? `; ${listed(unknown)} have no route to ${one.own}` : "") +
      causes(one),
    lost.length + unknown.length > 0
      ? `systemctl restart flanneld ${lost.length > 0 ? "there" : "on both sides"}; see journalctl -u flanneld`
      : remedy(one),
    one.name,
  );
}

function gap({ from, to, both }: Gap): Finding {
  const route = hasRoute(from, to) ? "" : `; it has no route to ${to.own}`;
  return problem(
    (both
      ? `pods of ${from.name} and ${to.name} do not reach each other`
      : `pods of ${from.name} do not reach those of ${to.name}`) + (route || causes(from)),
    route === "" ? remedy(from) : "systemctl restart flanneld there; see journalctl -u flanneld",
    from.name,
  );
}

const causes = ({ suspects }: Looker) => (suspects.length > 0 ? `; ${listed(suspects)}` : "");

const remedy = ({ suspects, name }: Looker) =>
  suspects.length > 0
    ? `on ${name}, mend what is named: nft list ruleset shows the rules; those of others must let pods' packets pass`
    : `see whether UDP port ${vxlanPort} passes between the nodes, and journalctl -u flanneld there`;

/** Two nodes whose pods reach each other, and the largest packet that does. */
interface Way {
  readonly ends: readonly [string, string];
  readonly mtu: number;
  readonly passes: number;
}

/** Large packets that get lost, said once for the node on most of whose ways they do, then for what that does not explain. */
function narrowWays(nodes: readonly Joined[]): Finding[] {
  const ways = waysOf(nodes);
  let left = ways.filter(({ mtu, passes }) => passes < mtu);
  if (left.length === ways.length && left.length > 1) return [narrow("different nodes", left)];
  const findings: Finding[] = [];
  while (left.length > 0) {
    const times = new Map<string, number>();
    for (const end of left.flatMap(({ ends }) => ends)) times.set(end, (times.get(end) ?? 0) + 1);
    const [worst] = [...times].reduce((most, one) => (one[1] > most[1] ? one : most));
    const its = left.filter(({ ends }) => ends.includes(worst));
    left = left.filter(({ ends }) => !ends.includes(worst));
    const others = its.flatMap(({ ends }) => ends.filter((end) => end !== worst)).sort();
    findings.push(narrow(`${worst} and ${listed(others)}`, its, worst));
  }
  return findings;
}

function narrow(between: string, ways: readonly Way[], node?: string): Finding {
  const mtu = Math.max(...ways.map((way) => way.mtu));
  const passes = Math.min(...ways.map((way) => way.passes));
  return problem(
    `packets of full size do not pass between pods of ${between}: flannel reckons with ${mtu} bytes, and the largest that passes has ${passes}`,
    `let what lies between the machines (switches, tunnels, firewalls) take packets of ${mtu + overhead} bytes, or set cluster.networking.flannel.mtu: ${passes}, which holds for pods that are made after it`,
    node,
  );
}

function waysOf(nodes: readonly Joined[]): Way[] {
  const names = new Map(nodes.map(({ known }) => [known.podCIDR, known.name]));
  const told = nodes.flatMap(({ known: { name }, told: { report } }) => {
    const { mtu, seen } = report.network ?? {};
    return (seen?.nodes ?? []).flatMap(({ network, reached, passes }): Way[] => {
      const other = names.get(network);
      if (!mtu || !reached || other === undefined || other === name) return [];
      return [{ ends: name < other ? [name, other] : [other, name], mtu, passes: passes ?? mtu }];
    });
  });
  // Both ends may tell of one: who has seen less is believed.
  const byPair = new Map<string, Way>();
  for (const way of told) {
    const known = byPair.get(way.ends.join(" "));
    if (!known || way.passes < known.passes) byPair.set(way.ends.join(" "), way);
  }
  return [...byPair.values()];
}

/**
 * @param elsewhere whether pods behind a Service may have gone with a node of which enough is said
 * @param byOthers whether something else than kube-proxy leads to Services
 */
function services(
  lookers: readonly Looker[],
  cut: readonly Looker[],
  elsewhere: boolean,
  byOthers: boolean,
): Finding[] {
  const instead =
    "cluster.kubernetes.kube_proxy.mode is off: see whether what leads to Services in its place runs there";
  const others = lookers.filter((one) => !cut.includes(one));
  const failing = others.filter(({ seen }) => !seen.name || !seen.address);
  const blamed = failing.filter(({ suspects }) => suspects.length > 0 || !elsewhere);
  if (
    blamed.length === others.length &&
    others.length > 1 &&
    blamed.every(({ suspects }) => suspects.length === 0)
  )
    return [
      blamed.every(({ seen }) => seen.address)
        ? problem(
            "pods find no Service by its name: the cluster's DNS does not answer",
            "see kubectl -n kube-system get pods -l k8s-app=kube-dns, and their logs",
          )
        : problem(
            "pods reach no Service, on any node",
            byOthers ? instead : "see journalctl -u kube-proxy on the nodes",
          ),
    ];
  return blamed.map((one) =>
    one.seen.address
      ? problem(
          `pods of ${one.name} find no Service by its name, but reach one by its address${causes(one)}`,
          "see whether they reach the pods of CoreDNS: kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide",
          one.name,
        )
      : problem(
          `pods of ${one.name} do not reach Services${causes(one)}`,
          byOthers
            ? instead
            : "systemctl restart kube-proxy there writes its rules anew; see journalctl -u kube-proxy",
          one.name,
        ),
  );
}

/** Whether Kubernetes has nodes that do not answer, or are not Ready. */
function lacksNodes({ answers }: ClusterStatus, { nodes }: KubernetesView): boolean {
  const answering = new Set(reportsOf(answers).map(({ node }) => node.name));
  return nodes.some(({ name, ready }) => ready?.status !== "True" || !answering.has(name));
}
