import { type NodePlan, runsCeph } from "../config/plan";
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

/** Ceph's version in each system. Its monitors take in nothing that is older than the cluster. */
const cephVersions: Readonly<Record<string, number>> = {
  "debian 12": 16,
  "ubuntu 22.04": 17,
  "debian 13": 18,
  "ubuntu 24.04": 19,
};

interface Examined {
  readonly node: NodePlan;
  readonly facts: MachineFacts;
}

interface Spoken {
  /** By which the operator may accept it in `cluster.preflight.allow`. */
  readonly finding: string;
  readonly text: string;
  readonly remedy: string;
}

/** What speaks against a machine beside others, in words, but for what `allow` names. */
export function besideOthers(
  machine: Examined,
  others: readonly Examined[],
  allow: readonly string[],
): Spoken[] {
  return [...inCommon(machine, others), ...olderCeph(machine, others)].filter(
    ({ finding }) => !allow.includes(finding),
  );
}

const nameOf = ({ node: { name, ip } }: Examined) => `${name} (${ip})`;

function inCommon({ facts: own }: Examined, others: readonly Examined[]): Spoken[] {
  return identities.flatMap(({ finding, fact, called, remedy }) => {
    const value = own[fact];
    const same = others.filter(({ facts }) => facts[fact] === value).map(nameOf);
    if (!value || same.length === 0) return [];
    const text = `it has the same ${called} as ${same.join(" and ")}: ${value}`;
    return [{ finding, text, remedy }];
  });
}

/** A machine whose Ceph is newer joins: so a cluster moves to another system. */
function olderCeph(machine: Examined, others: readonly Examined[]): Spoken[] {
  const cephOf = ({ node, facts }: Examined) =>
    runsCeph(node) ? (cephVersions[facts.os] ?? 0) : 0;
  const own = cephOf(machine);
  const newer = others.find((other) => cephOf(other) > own);
  if (own === 0 || !newer) return [];
  return [
    {
      finding: "ceph-version",
      text: `its system has Ceph ${own}, and that of ${nameOf(newer)} has ${cephOf(newer)}; Ceph takes in nothing that is older than the cluster`,
      remedy: "give all machines of Ceph the same system, or take Ceph's roles from this one",
    },
  ];
}
