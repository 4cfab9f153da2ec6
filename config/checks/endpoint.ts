import { addressesIn, isAddress, withPrefix } from "../interfaces";
import { isInside } from "../ipv4";
import type { Issue } from "../issues";
import { type Check, managedOf, nodeAt, nodesOf } from "./types";

const place = ["cluster", "endpoint"];

/** The address that masters share is theirs to share, and can be reached where they are. */
export const endpoint: Check = (file) => {
  const { vip, router_id } = file.cluster?.endpoint ?? {};
  const issues: Issue[] = [];
  const say = (field: string, message: string) => issues.push({ path: [...place, field], message });
  if (vip === undefined) {
    if (router_id !== undefined)
      say("router_id", `${router_id} is the number of an address that is not there; give vip, too`);
    return issues;
  }
  const masters = managedOf(file).filter(({ node }) => node.roles?.includes("master"));
  if (masters.length === 0) say("vip", `${vip} is held by masters, of which there are none`);
  for (const { node, index } of nodesOf(file)) {
    if (node.ip === vip || addressesIn(node.interfaces).some(({ value }) => value === vip))
      say(
        "vip",
        `${vip} is the address of ${nodeAt(index, node)}; give one that no machine has: the masters hold it in turn`,
      );
  }
  for (const { node, index } of masters) {
    // What a machine has that is not given its network by the file, it says itself when it is asked to hold the address.
    const layers = (node.interfaces ?? []).flatMap((one) => [one, ...(one?.vlans ?? [])]);
    const [own] = layers
      .flatMap((layer) => layer?.addresses ?? [])
      .flatMap((address) => (address && isAddress(address, node.ip ?? "") ? [address] : []));
    const network = own && withPrefix(own, file.cluster?.networking?.interface_defaults);
    if (network !== undefined && !isInside(vip, network))
      say(
        "vip",
        `${vip} is not in the network of ${nodeAt(index, node)}, ${network}; give an unused address there`,
      );
  }
  return issues;
};
