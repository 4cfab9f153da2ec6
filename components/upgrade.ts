import { ClusterConfigError } from "../config/issues";
import { type ClusterPlan, type NodePlan, roleOf, runsPods } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { namesOf } from "./former";
import { batchesOf } from "./turns";

const minorOf = (version: string) => Number(version.split(".")[1]);

/**
 * What is known without asking anybody: the way from the versions that the last `up` left. What the cluster really runs the step
 * `upgrade` looks at before anything is changed.
 *
 * @throws ClusterConfigError where upstream knows no way
 */
export function refuseUpgrade(former: FormerCluster, plan: ClusterPlan, whose: string): void {
  const ways: readonly Way[] = [
    {
      of: "Kubernetes",
      path: ["cluster", "kubernetes", "version"],
      was: former.kubernetesVersion,
      wanted: plan.kubernetes.version,
      cannotGoBack:
        "a minor version cannot be taken back, as the older one may not read what the newer one has stored",
    },
    {
      of: "etcd",
      path: ["cluster", "versions", "etcd"],
      was: former.etcdVersion,
      wanted: plan.versions.etcd,
      cannotGoBack:
        "a minor version of etcd cannot be taken back but by a snapshot from before, as the older one does not read what the newer one has stored",
    },
  ];
  const issues = ways.flatMap((way) => {
    const why = problemOf(way) ?? problemOfFirst(former, plan, way);
    return why === undefined ? [] : [{ path: way.path, message: `${why}; nothing was changed` }];
  });
  if (issues.length > 0) throw new ClusterConfigError(whose, issues);
}

/** From a version to another, of Kubernetes or of etcd. */
interface Way {
  readonly of: string;
  readonly path: readonly string[];
  /** Undefined: nothing ran. */
  readonly was: string | undefined;
  readonly wanted: string;
  readonly cannotGoBack: string;
}

/** To another patch, or to the next minor version, and not back. */
function problemOf({ of, was, wanted, cannotGoBack }: Way): string | undefined {
  if (was === undefined) return undefined;
  const minors = minorOf(wanted) - minorOf(was);
  const [major] = was.split(".");
  if (minors < 0)
    return `${wanted} is older than what the cluster runs, ${was}: ${cannotGoBack}; set a version of ${major}.${minorOf(was)} or later`;
  return minors > 1
    ? `${wanted} is ${minors} minor versions newer than what the cluster runs, ${was}, and ${of} skips none; set a version of ${major}.${minorOf(was) + 1} first`
    : undefined;
}

/** The first master by name is asked whether the cluster may go to another version, and takes the snapshot before it does. */
function problemOfFirst(
  former: FormerCluster,
  plan: ClusterPlan,
  { was, wanted }: Way,
): string | undefined {
  if (was === undefined || was === wanted) return undefined;
  const [first] = plan.masters;
  const masters = plan.masters.some(({ name }) => namesOf(former).includes(name));
  if (first && masters && !namesOf(former).includes(first.name))
    return `${wanted} is not what the cluster runs, ${was}, and the first master by name, ${first.name}, is new, so that it cannot be asked whether the others may be upgraded; add it with ${was}, then upgrade`;
  return undefined;
}

/** Who gets another version of what, in which order; undefined: nobody. */
export function upgradeInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const nodes = plan.nodes.filter(
    (node) => !node.lost && namesOf(former).includes(node.name) && runsPods(node),
  );
  const words = [
    etcdInWords(former, plan, nodes),
    kubernetesInWords(former, plan, nodes),
    runtimeInWords(former, plan, nodes),
  ].flat();
  return words.length === 0 ? undefined : words.join("\n");
}

function etcdInWords(former: FormerCluster, plan: ClusterPlan, nodes: readonly NodePlan[]) {
  const [was, wanted] = [former.etcdVersion, plan.versions.etcd];
  const masters = nodes.filter((node) => roleOf(node) === "master");
  if (was === undefined || was === wanted || masters.length === 0) return [];
  return [
    `etcd ${was} -> ${wanted}, one after the other: ${masters.map(({ name }) => name).join(", ")}`,
  ];
}

function kubernetesInWords(former: FormerCluster, plan: ClusterPlan, nodes: readonly NodePlan[]) {
  const [was, wanted] = [former.kubernetesVersion, plan.kubernetes.version];
  if (was === undefined || was === wanted || nodes.length === 0) return [];
  const { rollout } = plan.kubernetes;
  const drained = rollout.drain === "always" || minorOf(was) !== minorOf(wanted);
  const masters = nodes.filter((node) => roleOf(node) === "master");
  return [
    `Kubernetes ${was} -> ${wanted}, one line after the other:`,
    ...masters.map(({ name }) => `  ${name}: API server, then controller manager and scheduler`),
    ...batchesOf(nodes, rollout.batch).map(
      (batch) =>
        `  ${batch.map(({ name }) => name).join(", ")}: ${drained ? "drained, then " : ""}kubelet and service proxy`,
    ),
  ];
}

function runtimeInWords(former: FormerCluster, plan: ClusterPlan, nodes: readonly NodePlan[]) {
  return (["containerd", "runc"] as const).flatMap((of) => {
    const wanted = plan.versions[of];
    const due = nodes.filter(({ name }) => former.nodes[name]?.[of] !== wanted);
    if (due.length === 0) return [];
    const whose = (version: string | undefined) => version ?? "the distribution's";
    const were = [...new Set(due.map(({ name }) => whose(former.nodes[name]?.[of])))];
    return [
      `${of} ${were.join(", ")} -> ${whose(wanted)}, pods run on, one line after the other:`,
      ...batchesOf(due, plan.kubernetes.rollout.batch).map(
        (batch) => `  ${batch.map(({ name }) => name).join(", ")}`,
      ),
    ];
  });
}
