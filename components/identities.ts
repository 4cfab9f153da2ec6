import type { NodePlan } from "../config/plan";
import type { MachineFacts } from "./facts";

interface Identity {
  /** Finding by which the operator may accept it in `cluster.preflight.allow`. */
  readonly finding: string;
  readonly fact: keyof MachineFacts;
  readonly called: string;
  readonly remedy: string;
}

/** What no two machines of a cluster may have in common; copies of one installation or virtual machine do. */
const identities: readonly Identity[] = [
  {
    finding: "machine-id",
    fact: "machineId",
    called: "machine id (/etc/machine-id)",
    remedy: "on one of them run 'rm /etc/machine-id && systemd-machine-id-setup' and reboot",
  },
  {
    finding: "mac",
    fact: "macAddress",
    called: "MAC address",
    remedy: "give one of the virtual machines another",
  },
  {
    finding: "product-uuid",
    fact: "productUuid",
    called: "hardware id (/sys/class/dmi/id/product_uuid)",
    remedy: "give one of the virtual machines another",
  },
];

/** What a machine has in common with others, in words, but for what `allow` names. */
export function inCommon(
  own: MachineFacts,
  others: readonly { readonly node: NodePlan; readonly facts: MachineFacts }[],
  allow: readonly string[],
): { readonly finding: string; readonly text: string; readonly remedy: string }[] {
  return identities
    .filter(({ finding }) => !allow.includes(finding))
    .flatMap(({ finding, fact, called, remedy }) => {
      const value = own[fact];
      const same = others
        .filter(({ facts }) => facts[fact] === value)
        .map(({ node }) => `${node.name} (${node.ip})`);
      if (!value || same.length === 0) return [];
      const text = `it has the same ${called} as ${same.join(" and ")}: ${value}`;
      return [{ finding, text, remedy }];
    });
}
