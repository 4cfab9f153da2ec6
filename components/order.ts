import { comesLater } from "../config/calls";
import { type ClusterPlan, type NodePlan, runsPods } from "../config/plan";
import { pluginOf } from "../networks";
import { orderCeph } from "./orderCeph";
import { batchesOf, each, isMaster, living, turnsOf } from "./turns";

/**
 * What is to be done: `master-01/etcd` on or for a node, `genesis` for the cluster. One that begins with `all ` is nothing
 * of its own: it stands for what it waits for.
 */
export type StepId = string;

/** What each step waits for. */
export type Order = ReadonlyMap<StepId, readonly StepId[]>;

/** Says what a step waits for. */
export type Tell = (id: StepId, ...waitsFor: readonly (StepId | undefined)[]) => void;

/**
 * Who waits for whom. For a step of a lost machine nobody waits but that machine's own: they do nothing, and only keep their
 * places in the state.
 *
 * @param former names of the nodes that the last `up` left: a change of what all nodes run goes through them batch by batch.
 * New nodes join at once, all of them, and nobody waits for them.
 */
export function orderOf(plan: ClusterPlan, former: readonly string[]): Order {
  const order = new Map<StepId, readonly StepId[]>();
  const step: Tell = (id, ...waitsFor) => {
    order.set(id, [...new Set(waitsFor.filter((other) => other !== undefined))]);
  };
  orderMachines(plan, former, step);
  orderCalls(plan, step);
  orderKubernetes(plan, former, step);
  if (plan.ceph) orderCeph(plan, plan.ceph, former, step);
  orderMaintenance(plan, former, step);
  return order;
}

function orderMachines(
  { nodes, masters, networking }: ClusterPlan,
  former: readonly string[],
  step: Tell,
): void {
  // One after the other, so that a network that leads nowhere stops at the first; new machines get theirs at once.
  // Those that call wait for others, who cannot wait for them.
  const given = nodes.filter(({ network }) => network);
  const turns = [given.filter(comesLater), atOnce(given)].map((some) =>
    living(some).filter(({ name }) => former.includes(name)),
  );
  for (const node of given) {
    const were = turns.find((some) => some.includes(node)) ?? [];
    const previous = were[were.indexOf(node) - 1];
    step(`${node.name}/network`, previous && `${previous.name}/network`, ...expected(node, nodes));
  }
  // One for all: if each step named all machines, the state would grow with the square of their number.
  step("examined", ...each(atOnce(living(nodes)), "preflight"));
  const [first] = masters;
  if (first) step("upgrade", `${first.name}/claim`);
  for (const node of nodes) {
    const { name, network, lost } = node;
    step(`${name}/preflight`, network && `${name}/network`, ...expected(node, nodes));
    step(`${name}/claim`, `${name}/preflight`, "examined");
    // What runs is asked first whether it may become another version; where nothing ran, nothing is to be asked.
    const isFormer = first && !lost && former.includes(name);
    step(`${name}/prepare`, `${name}/claim`, isFormer ? "upgrade" : undefined);
    if (networking.firewall) step(`${name}/firewall`, `${name}/prepare`);
  }
  // Whom former nodes know, they let in; that they all do is waited for by who comes to them first, and whom others wait for.
  const were = living(nodes).filter(({ name }) => former.includes(name));
  step("all let in", ...(networking.firewall ? each(were, "firewall") : []));
}

function orderKubernetes(plan: ClusterPlan, former: readonly string[], step: Tell): void {
  const nodes = plan.nodes.filter(runsPods);
  const [first] = plan.masters;
  const { authorities } = plan.kubernetes.rotations;
  orderAuthorities(plan, nodes, former, step);
  for (const { name } of nodes) {
    const checked = authorities > 1 ? [`${name}/authorities`, "all may have others"] : [];
    // Nothing listens that is not closed to others.
    const closed = plan.networking.firewall && `${name}/firewall`;
    step(`${name}/credentials`, `${name}/prepare`, closed, ...checked);
  }
  step("all joined", ...(first ? each(living(nodes), "kubelet") : []));
  if (!first) return;

  // Nothing is born before each machine has been taken.
  step("genesis", `${first.name}/credentials`, ...each(atOnce(living(plan.nodes)), "claim"));
  const restore = orderRestore(plan, step);
  const lost = nodes.filter((node) => node.lost);
  for (const { name } of lost) step(`${name}/forget`, "genesis", restore);
  step("all forgotten", ...each(lost, "forget"));

  const were = living(nodes).filter(({ name }) => former.includes(name));
  const formerMasters = were.filter(isMaster);
  step("all supplied", ...each(were, "prepare"), plan.networking.firewall && "all let in");
  step("all former members", ...each(formerMasters, "etcd"));
  const api = `${first.name}/control-plane`;
  const encryption = orderEncryption(plan, restore, step);
  const accounts = orderServiceAccounts(plan, restore, step);
  plan.masters.forEach(({ name }, i) => {
    const previous = plan.masters[i - 1];
    const own = formerMasters.findIndex((master) => master.name === name);
    const turn = formerMasters[own - 1];
    // At its birth etcd keeps a place for each master. Later it takes one change of its membership at a time, and forgets before
    // it takes somebody new. It does not wait for the first API server: a learner that comes after that has written its hundred
    // entries gets a snapshot, which takes longer.
    const grows = restore !== undefined || formerMasters.length > 0;
    const chain = previous && grows ? `${previous.name}/etcd` : undefined;
    // Nothing is restarted before all nodes have what they need for it.
    const supplied = own === 0 ? "all supplied" : own < 0 ? "all let in" : undefined;
    step(
      `${name}/etcd`,
      `${name}/credentials`,
      "genesis",
      restore,
      chain,
      "all forgotten",
      supplied,
    );
    step(`${name}/snapshots`, `${name}/control-plane`);
    // No API server loses its etcd while another is away.
    const rollout = own === 0 ? "all former members" : turn && `${turn.name}/control-plane`;
    // What a new controller manager signs with comes before it; the others keep what they have, until all API servers trust more.
    const isNew = own < 0 && authorities > 1;
    step(
      `${name}/control-plane`,
      `${name}/etcd`,
      isNew ? `${name}/signing` : undefined,
      i === 0 ? undefined : api,
      rollout,
      encryption,
      accounts,
    );
  });
  orderVip(plan, formerMasters, step);
  // A name that leads to the VIP leads nowhere before.
  const { host, vip } = plan.endpoint;
  step("rights", api, vip && vip.address !== host ? `${first.name}/vip` : undefined);

  const { installation } = pluginOf(plan);
  const network = installation && "network-plugin";
  if (network) step(network, "rights");

  // Whichever controller manager leads signs what the first kubelet asks for.
  step("all former control planes", ...each(formerMasters, "control-plane"));
  if (authorities > 1) {
    for (const node of plan.masters) {
      // Former API servers believe what the latest authorities sign when they were restarted; the first master's they wait for.
      const turn =
        node !== first || formerMasters.includes(node) ? "all former control planes" : undefined;
      step(`${node.name}/signing`, `${node.name}/credentials`, turn);
    }
    step("all sign", ...each(plan.masters, "signing"));
  }
  const batches = batchesOf(were, plan.kubernetes.rollout.batch);
  batches.forEach((batch, i) => step(`all of batch ${i}`, ...each(batch, "admit")));
  for (const node of living(nodes)) {
    const { name } = node;
    const api = isMaster(node) ? `${name}/control-plane` : undefined;
    const batch = batches.findIndex((batch) => batch.includes(node));
    const turn = batch > 0 ? `all of batch ${batch - 1}` : "all former control planes";
    // No kubelet may be newer than an API server that it asks: a new node's neither.
    const signed = authorities > 1 ? "all sign" : undefined;
    step(`${name}/kubelet`, `${name}/credentials`, "rights", api, turn, signed);
    // A node is let in when it has a network.
    step(`${name}/admit`, `${name}/kubelet`, network);
  }
  for (const { name } of plan.unmanaged) step(`${name}/declare`, "rights");
  // So that the replicas do not all land on the first node.
  step("dns", "rights", network, ...each(plan.masters, "kubelet"));

  for (const node of lost) {
    const { name } = node;
    if (isMaster(node)) {
      step(`${name}/etcd`, `${name}/credentials`, "genesis");
      step(`${name}/snapshots`, `${name}/control-plane`);
      step(`${name}/control-plane`, `${name}/etcd`);
      if (plan.kubernetes.rotations.serviceAccountKey > 1)
        step(`${name}/service-account`, `${name}/credentials`);
      if (authorities > 1) step(`${name}/signing`, `${name}/credentials`);
      if (vip) step(`${name}/vip`, `${name}/control-plane`);
    }
    step(`${name}/kubelet`, `${name}/credentials`);
    step(`${name}/admit`, `${name}/kubelet`);
  }
}

/**
 * Who holds the API's address hears of its peers one master after the other, so that it is always held; a new master after the
 * others, who would not hear it before, nor it them.
 */
function orderVip(plan: ClusterPlan, former: readonly NodePlan[], step: Tell): void {
  if (!plan.endpoint.vip) return;
  const turns = [...former, ...plan.masters.filter((node) => !former.includes(node))];
  turns.forEach(({ name }, i) => {
    const previous = turns[i - 1];
    step(`${name}/vip`, `${name}/control-plane`, previous && `${previous.name}/vip`);
  });
}

/**
 * Etcd's way back to a snapshot, where the file asks for it: what can fail comes before anything is stopped, and everything is
 * stopped before etcd begins anew on one master. The others join it as new ones do.
 *
 * @returns the step that etcd is restored by
 */
function orderRestore({ etcd: { restore }, masters }: ClusterPlan, step: Tell): StepId | undefined {
  const [first] = masters;
  if (!restore || !first) return undefined;
  step("restore-check", `${restore.on.name}/credentials`, "genesis");
  for (const { name } of masters)
    step(`${name}/restore-halt`, `${name}/credentials`, "restore-check");
  step("restore", ...each(masters, "restore-halt"));
  step("restore-settle", `${first.name}/control-plane`);
  return "restore";
}

/**
 * A new key for Secrets: every API server decrypts and encrypts with it, and all Secrets are stored anew, before the first forgets the
 * former one. A master that is new comes after that. After a restore what the snapshot had is stored anew when all of them run.
 *
 * @returns the step that no control plane may change before
 */
function orderEncryption(
  { kubernetes: { rotations }, masters }: ClusterPlan,
  restore: StepId | undefined,
  step: Tell,
): StepId | undefined {
  const [first] = masters;
  if (rotations.encryptionKey === 1 || !first) return undefined;
  step("encryption", `${first.name}/etcd`, ...each(masters, "credentials"));
  if (restore) step("restored-encryption", ...each(masters, "control-plane"));
  return "encryption";
}

/**
 * The next key of service accounts: one API server after the other takes its tokens, before the first signs with it.
 *
 * @returns the step that no control plane may change before
 */
function orderServiceAccounts(
  { kubernetes: { rotations }, masters }: ClusterPlan,
  restore: StepId | undefined,
  step: Tell,
): StepId | undefined {
  if (rotations.serviceAccountKey === 1) return undefined;
  masters.forEach(({ name }, i) => {
    const previous = masters[i - 1];
    const turn = previous ? `${previous.name}/service-account` : "all supplied";
    step(`${name}/service-account`, `${name}/credentials`, restore, turn);
  });
  step("all service accounts", ...each(masters, "service-account"));
  return "all service accounts";
}

/**
 * Before anybody gets certificates of other authorities, or trusts former ones no more, each node that is there says that it may do so.
 * After that nobody has to wait: whoever knows but the former ones believes the new certificates as well.
 */
function orderAuthorities(
  { kubernetes: { rotations } }: ClusterPlan,
  nodes: readonly NodePlan[],
  former: readonly string[],
  step: Tell,
): void {
  if (rotations.authorities === 1) return;
  for (const { name } of nodes) step(`${name}/authorities`, `${name}/prepare`);
  const were = living(nodes).filter(({ name }) => former.includes(name));
  step("all may have others", ...each(were, "authorities"));
}

/**
 * Machines are restarted when everything else is done, a few at a time, the next when those before are whole. A new one has nothing
 * to do, and waits for nobody.
 */
function orderMaintenance(plan: ClusterPlan, former: readonly string[], step: Tell): void {
  const { nodes, masters, ceph, kubernetes } = plan;
  const due = living(nodes).filter(({ maintenance }) => maintenance > 0);
  const kubernetesNodes = nodes.filter(runsPods);
  step(
    "all settled",
    ...each(living(nodes), "prepare"),
    ...(masters.length === 0
      ? []
      : [
          ...each(living(kubernetesNodes), "admit"),
          ...each(masters, "snapshots"),
          ...each(plan.unmanaged, "declare"),
          "dns",
          ...(ceph ? ["ceph-addon"] : []),
        ]),
    ...(ceph ? ["ceph-configure"] : []),
    ...(ceph?.packages ? ["ceph-release"] : []),
    ...(ceph && ceph.rotations.oldestKubernetesKey > 1 ? ["ceph-retire"] : []),
  );
  const turns = turnsOf(
    due.filter(({ name }) => former.includes(name)),
    kubernetes.rollout.batch,
  );
  turns.forEach((turn, i) => step(`all of turn ${i}`, ...each(turn, "maintain")));
  for (const node of due) {
    const turn = turns.findIndex((turn) => turn.includes(node));
    const own = !runsPods(node) || masters.length === 0 ? "prepare" : "admit";
    const before = turn > 0 ? `all of turn ${turn - 1}` : turn === 0 ? "all settled" : undefined;
    step(`${node.name}/maintain`, `${node.name}/${own}`, before);
  }
}

/** A master that takes calls does so as soon as it is the cluster's; nobody is looked at, and let go, but while it is expected. */
function orderCalls({ nodes }: ClusterPlan, step: Tell): void {
  const calling = living(nodes).filter(({ calls }) => calls);
  for (const { name } of nodes.filter(({ takesCalls }) => takesCalls)) {
    step(`${name}/join-service`, `${name}/claim`);
    for (const node of calling) step(`${name}/expect/${node.name}`, `${name}/join-service`);
  }
  for (const { name } of calling) step(`${name}/call`, `${name}/claim`);
}

/** That a node may call everywhere: so that it is let in for as long as anything is done on it. */
const expected = (node: NodePlan, nodes: readonly NodePlan[]) =>
  comesLater(node) && !node.lost
    ? living(nodes).flatMap(({ name, takesCalls }) =>
        takesCalls ? [`${name}/expect/${node.name}`] : [],
      )
    : [];

/** Without those that come when the cluster is there. */
const atOnce = (nodes: readonly NodePlan[]) => nodes.filter((node) => !comesLater(node));
