import { didYouMean } from "../didYouMean";
import { type Issue, type Path, show } from "../issues";
import { onlyIn } from "../kubelet/fields";
import { podRoom } from "../kubelet/pods";
import { type Check, type ClusterDraft, nodeAt, type NodeDraft, nodesOf } from "./types";

type Config = Readonly<Record<string, unknown>>;

/** A place where the file sets fields of KubeletConfiguration. */
interface Layer {
  readonly path: Path;
  readonly config: Config;
}

const runsKubelet = ({ roles }: NodeDraft) =>
  roles?.some((role) => role === "master" || role === "worker") ?? false;

function layer(path: Path, kubelet: { config?: Config } | undefined): Layer {
  return { path: [...path, "kubelet", "config"], config: kubelet?.config ?? {} };
}

const ofAll = (file: ClusterDraft) =>
  layer(["cluster", "kubernetes"], file.cluster?.kubernetes?.kubelet);
const ofGroup = (file: ClusterDraft, name: string) =>
  layer(["groups", name], file.groups?.[name]?.kubelet);

/** What the file sets for a node's kubelet, the last before the first. */
function layersOf(file: ClusterDraft, { group, kubelet }: NodeDraft, index: number): Layer[] {
  const ofItsGroup = group === undefined ? [] : [ofGroup(file, group)];
  return [ofAll(file), ...ofItsGroup, layer(["nodes", index], kubelet)];
}

/** Every place of the file where fields are set, once. */
export function everyLayer(file: ClusterDraft): Layer[] {
  return [
    ofAll(file),
    ...Object.keys(file.groups ?? {}).map((name) => ofGroup(file, name)),
    ...nodesOf(file).map(({ node, index }) => layer(["nodes", index], node.kubelet)),
  ];
}

/** Every group that a node names is there. */
export const groups: Check = (file) =>
  nodesOf(file).flatMap(({ node: { group }, index }) => {
    const known = Object.keys(file.groups ?? {});
    if (group === undefined || known.includes(group)) return [];
    const meant = didYouMean(group, known);
    const remedy =
      meant === undefined ? "describe it there, or remove it here" : `did you mean ${meant}?`;
    return [{ path: ["nodes", index, "group"], message: `${group} is not in groups; ${remedy}` }];
  });

/** A node has an address for each pod its kubelet may take. */
export const maxPods: Check = (file) => {
  const maskSize = file.cluster?.networking?.node_cidr_mask_size;
  if (maskSize === undefined) return [];
  const room = podRoom(maskSize);
  return once(
    nodesOf(file).flatMap(({ node, index }) => {
      const layer = layersOf(file, node, index)
        .reverse()
        .find(({ config }) => "maxPods" in config);
      const pods = layer?.config.maxPods;
      if (!layer || typeof pods !== "number" || pods <= room || !runsKubelet(node)) return [];
      const message = `${pods} is more than the ${room} pods for which a node's /${maskSize} of the pod network has addresses; give at most ${room}, or, for a cluster that is yet to be made, a smaller cluster.networking.node_cidr_mask_size`;
      return [{ path: [...layer.path, "maxPods"], message }];
    }),
  );
};

/** Whoever accepts swap has some kubelet start with it. */
export const swap: Check = (file) => {
  const { allow = [], fix = [] } = file.cluster?.preflight ?? {};
  const allowed = allow.indexOf("swap");
  const nodes = nodesOf(file).filter(({ node }) => runsKubelet(node));
  const takesIt = nodes.some(({ node, index }) =>
    layersOf(file, node, index).some(({ config }) => config.failSwapOn === false),
  );
  if (allowed === -1 || fix.includes("swap") || nodes.length === 0 || takesIt) return [];
  return [
    {
      path: ["cluster", "preflight", "allow", allowed],
      message:
        "swap is accepted, and no kubelet starts where there is some; set failSwapOn: false in cluster.kubernetes.kubelet.config as well, or take swap out of allow and into fix",
    },
  ];
};

/** The kubelets' version has each field. */
export const kubeletFields: Check = (file) => {
  const version = file.cluster?.kubernetes?.version;
  if (version === undefined) return [];
  const minor = version.split(".").slice(0, 2).join(".");
  return everyLayer(file).flatMap(({ path, config }) =>
    Object.entries(onlyIn)
      .filter(([field, minors]) => !minors.includes(minor) && has(config, field.split(".")))
      .map(([field, minors]) => ({
        path: [...path, ...field.replaceAll(/\W+$/g, "").split(".")],
        message: `${show(field.replaceAll(/\[\]|\{\}/g, ""))} is a field of Kubernetes ${minors.join(", ")}, and cluster.kubernetes.version is ${version}; remove it`,
      })),
  );
};

/** Nodes without a kubelet set nothing of it. */
export const kubelets: Check = (file) =>
  nodesOf(file).flatMap(({ node, index }) => {
    const { config = {}, extra_args = {} } = node.kubelet ?? {};
    if (node.roles === undefined || runsKubelet(node)) return [];
    if (Object.keys({ ...config, ...extra_args }).length === 0) return [];
    const message = `is for a kubelet, and ${nodeAt(index, node)} runs none: it is neither master nor worker; remove it`;
    return [{ path: ["nodes", index, "kubelet"], message }];
  });

/** Whether a mapping has something at a path of field names as `config/kubelet/fields.ts` has them. */
function has(value: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  const inner = (value as Config | undefined)?.[first.replaceAll(/\W/g, "")];
  return inner !== undefined && has(inner, rest);
}

/** One issue a place. */
const once = (issues: readonly Issue[]) => [
  ...new Map(issues.map((issue) => [JSON.stringify(issue.path), issue])).values(),
];
