import { type Batch, type NodePlan, roleOf, runsCeph } from "../config/plan";

/**
 * The masters one by one, then the workers in batches, so that a change stops where the first do not come back.
 *
 * @param nodes in the order of their names
 */
export function batchesOf(nodes: readonly NodePlan[], batch: Batch): NodePlan[][] {
  const workers = nodes.filter((node) => !isMaster(node));
  const size = "nodes" in batch ? batch.nodes : Math.ceil((workers.length * batch.percent) / 100);
  const batches = Array.from({ length: Math.ceil(workers.length / size) || 0 }, (_, i) =>
    workers.slice(i * size, (i + 1) * size),
  );
  return [...nodes.filter(isMaster).map((master) => [master]), ...batches];
}

/**
 * Who may be away at the same time: each master and each machine of Ceph alone; other workers as batches, of one failure domain
 * each (label `topology.kubernetes.io/zone`). Machines with OSDs go after those of the monitors and managers: with their packages
 * Ceph's daemons may be newer, and upstream has them so in this order.
 *
 * @param nodes in the order of their names
 */
export function turnsOf(nodes: readonly NodePlan[], batch: Batch): NodePlan[][] {
  const domain = ({ labels }: NodePlan) => labels["topology.kubernetes.io/zone"] ?? "";
  const others = nodes.filter((node) => !isMaster(node));
  const plain = others.filter((node) => !runsCeph(node));
  const domains = [...new Set(plain.map(domain))].sort();
  const size = "nodes" in batch ? batch.nodes : Math.ceil((plain.length * batch.percent) / 100);
  const alone = (some: readonly NodePlan[]) => some.map((node) => [node]);
  const turns = [
    ...alone(nodes.filter(isMaster)),
    ...domains.flatMap((one) =>
      batchesOf(
        plain.filter((node) => domain(node) === one),
        { nodes: size },
      ),
    ),
    ...alone(others.filter(runsCeph)),
  ];
  const onlyStores = ([{ roles } = { roles: [] }]: readonly Pick<NodePlan, "roles">[]) =>
    roles.includes("ceph-osd") && !roles.includes("ceph-mon");
  return [...turns.filter((turn) => !onlyStores(turn)), ...turns.filter(onlyStores)];
}

/** The first that is not this one, or else the first. */
export const besides = (nodes: readonly NodePlan[], other: NodePlan): NodePlan | undefined =>
  nodes.find((node) => node !== other) ?? nodes[0];

export const isMaster = (node: NodePlan) => roleOf(node) === "master";
export const living = (nodes: readonly NodePlan[]) => nodes.filter(({ lost }) => !lost);
/** The step of that name of each of these nodes. */
export const each = (nodes: readonly { readonly name: string }[], step: string) =>
  nodes.map(({ name }) => `${name}/${step}`);
