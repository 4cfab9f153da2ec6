import { kubernetesPool, poolSizes, readArchiveKey } from "../ceph";
import { contains, parseAddress, parseNetwork } from "../ipv4";
import type { Issue, Path } from "../issues";
import { type Check, type NodeDraft, nodeAt, nodesOf } from "./types";

const has = ({ managed, roles }: NodeDraft, role: "ceph-osd" | "ceph-mon") =>
  managed !== false && (roles?.includes(role) ?? false);
const isOsd = (node: NodeDraft) => has(node, "ceph-osd");
const isMonitor = (node: NodeDraft) => has(node, "ceph-mon");

/** Devices belong to nodes with OSDs, once each; a file lies where it lasts. */
export const cephDevices: Check = (file) =>
  nodesOf(file).flatMap(({ node, index }) => {
    const devices = node.storage?.devices ?? [];
    const place = ["nodes", index, "storage", "devices"];
    const issues: Issue[] = [];
    if (isOsd(node) && devices.length === 0) {
      issues.push({
        path: place,
        message: `is empty, and ${nodeAt(index, node)} has the role ceph-osd; name at least one device`,
      });
    }
    if (node.roles && !isOsd(node) && devices.length > 0) {
      issues.push({
        path: place,
        message: `names devices, but ${nodeAt(index, node)} does not have the role ceph-osd; add the role or remove them`,
      });
    }
    devices.forEach((device, i) => {
      const path = device?.path;
      if (path === undefined) return;
      if (devices.findIndex((other) => other?.path === path) < i) {
        issues.push({
          path: [...place, i, "path"],
          message: `${path} is there twice; give each device once`,
        });
      }
      const say = (message: string) => issues.push({ path: [...place, i, "path"], message });
      if (device?.backend !== "file") return;
      if (/^\/(dev|proc|sys|run|tmp|var\/tmp)\//.test(path))
        say(`${path} is no place for a file that must last; give one below /var/lib/osd`);
      if (path.startsWith("/var/lib/ceph/"))
        say(
          `${path} lies in a folder of Ceph's daemons, who could put another in its place; give one below /var/lib/osd. If it is an OSD already, go back to the former release: add a device there first, take this one out so that it is drained, then come back (docs/ceph.md)`,
        );
    });
    return issues;
  });

/** There are monitors where there are OSDs, and as many nodes with OSDs as copies. */
export const cephCluster: Check = (file) => {
  const nodes = nodesOf(file);
  const stores = nodes.filter(({ node }) => isOsd(node)).length;
  const ceph = file.cluster?.ceph;
  // A role that could not be read may have been the one that is missing.
  const known = nodes.length === file.nodes?.length && nodes.every(({ node }) => node.roles);
  if (!known || stores === 0) return [];
  const issues: Issue[] = [];
  const say = (path: Path, message: string) => issues.push({ path, message });
  if (!nodes.some(({ node }) => isMonitor(node))) {
    say(
      ["nodes"],
      "no node has the role ceph-mon, and the OSDs need monitors; give it to one node, better three",
    );
  }
  const place = ["cluster", "ceph"];
  const { poolSize, poolMinSize } = poolSizes(ceph ?? {}, stores);
  const pools = (ceph?.pools ?? []).map((pool) => pool ?? {});
  const few = (size: number) =>
    `${size} copies need ${size} nodes with the role ceph-osd, and there are ${stores}; give a smaller number or add nodes`;
  if (poolSize > stores) say([...place, "pool_size"], few(poolSize));
  if (poolMinSize > poolSize) {
    say(
      [...place, "pool_min_size"],
      `${poolMinSize} is more than the ${poolSize} copies there are`,
    );
  }
  pools.forEach(({ name, size, min_size }, i) => {
    const at = [...place, "pools", i];
    if (size !== undefined && size > stores) say([...at, "size"], few(size));
    if (min_size !== undefined && min_size > (size ?? poolSize)) {
      say([...at, "min_size"], `${min_size} is more than the ${size ?? poolSize} copies there are`);
    }
    if (name === kubernetesPool || pools.findIndex((other) => other.name === name) < i) {
      say([...at, "name"], `${name} is there already; give each pool a name of its own`);
    }
  });
  return issues;
};

/** Ceph's daemons answer at the nodes' addresses, which must lie in the network the file gives them. */
export const cephNetwork: Check = (file) => {
  const network = file.cluster?.ceph?.public_network;
  if (network === undefined) return [];
  return nodesOf(file)
    .filter(({ node }) => isOsd(node) || isMonitor(node))
    .filter(({ node: { ip } }) => ip && !contains(parseNetwork(network), parseAddress(ip)))
    .map(({ node, index }) => ({
      path: ["nodes", index, "ip"],
      message: `${node.ip} is outside cluster.ceph.public_network, ${network}; give a network that holds all of Ceph's nodes`,
    }));
};

/** The key of the repository that Ceph's packages come from is there. */
export const cephKey: Check = ({ cluster }, baseDir) => {
  const file = cluster?.ceph?.packages?.key_file;
  const found = file === undefined ? undefined : readArchiveKey(file, baseDir);
  return found && "problem" in found
    ? [{ path: ["cluster", "ceph", "packages", "key_file"], message: `${file} ${found.problem}` }]
    : [];
};
