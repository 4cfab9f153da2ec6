import { createHash } from "node:crypto";
import type { CallPlan, JoinServicePlan, NodePlan, SshTarget } from "./plan";
import { callPort } from "./joinServiceFields";
import type { ClusterFile } from "./schema";

type Settings = ClusterFile["cluster"]["join_service"];

/**
 * The addresses at which machines answer that have called: of the loopback network of whoever took the call, so that nobody
 * else reaches them. They follow from the names, so that a node that comes or goes moves no other's but in the rare case
 * that two names lead to one.
 */
export function callAddresses(names: readonly string[]): Map<string, string> {
  const addresses = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of [...names].sort()) {
    let address: string;
    for (let round = 0; ; round++) {
      const [a = 0, b = 0, c = 0] = createHash("sha256").update(`${name} ${round}`).digest();
      // From 127.64.0.1 up: nobody else uses that half of the network.
      address = `127.${64 + (a % 64)}.${b}.${1 + (c % 254)}`;
      if (!taken.has(address)) break;
    }
    taken.add(address);
    addresses.set(name, address);
  }
  return addresses;
}

/**
 * The nodes, and of those that call how they are reached: at a master that lives and is dialled itself, or here.
 * @param calling names of the nodes that call
 */
export function withCalls(
  nodes: readonly NodePlan[],
  calling: ReadonlySet<string>,
  settings: Settings,
): NodePlan[] {
  if (calling.size === 0) return [...nodes];
  const addresses = callAddresses([...calling]);
  const { host, host_key: hostKey = "", port, wait_minutes: minutes } = settings;
  const masters = nodes.filter(
    ({ name, roles }) => host === undefined && roles.includes("master") && !calling.has(name),
  );
  const living = masters.filter(({ lost }) => !lost);
  const services: JoinServicePlan[] =
    host === undefined
      ? living.map(({ name, ip, ssh }) => ({ name, host: ip, port, hostKey: ssh.hostKey }))
      : [{ name: "operator", host, port, hostKey }];
  return nodes.map((node) => {
    const address = addresses.get(node.name);
    if (address === undefined) return masters.includes(node) ? { ...node, takesCalls: true } : node;
    const ownPort = node.ssh.port;
    const calls: CallPlan = { services, address, port: callPort, ownPort, minutes };
    return { ...node, calls, ssh: reached(node.ssh, address, living[0]) };
  });
}

/** @param through the master whose loopback network that is; absent: this machine's */
function reached(own: SshTarget, address: string, through: NodePlan | undefined): SshTarget {
  const { user, hostKey, privateKey, sudoPassword } = own;
  const target = {
    host: address,
    port: callPort,
    user,
    hostKey,
    ...(privateKey !== undefined && { privateKey }),
    ...(sudoPassword !== undefined && { sudoPassword }),
  };
  return through ? { ...target, bastion: asHop(through.ssh) } : target;
}

/** A machine as a jump host before another. */
function asHop({ host, port, user, hostKey, privateKey }: SshTarget) {
  return { host, port, user, hostKey, ...(privateKey !== undefined && { privateKey }) };
}

/** Nodes for whose calls the masters wait: they come when the cluster is there, and it does not wait for them. */
export const comesLater = ({ calls, ssh }: NodePlan): boolean =>
  calls !== undefined && ssh.bastion !== undefined;
