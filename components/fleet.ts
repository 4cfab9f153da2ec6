import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { settled } from "../arguments/standIns";
import type { ClusterPlan } from "../config/plan";
import type { MachineFacts, NoFacts } from "./facts";
import type { Machine } from "./machine";
import type { Steps } from "./steps";

export interface FleetArgs {
  readonly cluster: ClusterPlan;
  readonly steps: Steps;
  /**
   * Asked before any machine is taken, with whether all of them were examined in an earlier `up`, too; where it fails, no
   * machine is taken. Default: nobody is asked.
   */
  readonly consent?: (examinedBefore: boolean) => Promise<void>;
}

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

/** Ceph's version in each system. Its monitors take in no daemon that is older than the cluster. */
const cephVersions: Readonly<Record<string, number>> = {
  "debian 12": 16,
  "ubuntu 22.04": 17,
  "debian 13": 18,
  "ubuntu 24.04": 19,
};

/** All machines of a cluster: what must be known of them together before any is taken. */
export class Fleet {
  private readonly cluster: ClusterPlan;
  private readonly known = new Map<Machine, MachineFacts | NoFacts>();

  constructor(name: string, args: FleetArgs, opts: pulumi.CustomResourceOptions) {
    const { cluster, steps, consent } = args;
    this.cluster = cluster;
    const options = { ...opts, dependsOn: steps.before("examined") };
    if (!consent) {
      steps.add("examined", new random.RandomUuid(name, {}, options));
      return;
    }
    let examinedBefore = true;
    const first = new pulumi.ResourceHook(`${name}-first`, () => void (examinedBefore = false), {
      onDryRun: true,
    });
    const examined = new random.RandomUuid(
      name,
      {},
      { ...options, hooks: { beforeCreate: [first] } },
    );
    steps.add("examined", examined);
    steps.hold(
      "examined",
      examined.urn.apply(() => consent(examinedBefore)),
    );
  }

  /**
   * Keeps a machine from being taken that shares an identity with another of those this was called for. Only for what waits
   * for all of them to be examined.
   *
   * @param name of the machine among the program's resources
   */
  distinct(name: string, machine: Machine): pulumi.ResourceHook {
    machine.facts.apply(async (facts) => {
      this.known.set(machine, facts);
      // It may be a living cluster's: nothing else of it depends on what its machine is.
      if ("unreadable" in facts) await pulumi.log.warn(facts.unreadable, machine);
    });
    return new pulumi.ResourceHook(`${name}-distinct`, async () => {
      const problems = await settled([...this.shared(machine), ...this.olderCeph(machine)]);
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
  }

  /** Whose Ceph is newer than that of `machine`, in words. A newer one joins: so a cluster moves to another system. */
  private olderCeph(machine: Machine): string[] {
    const { node } = machine;
    const cephOf = (of: Machine) => {
      const facts = this.known.get(of);
      const carries = of.node.roles.some((role) => role.startsWith("ceph-"));
      return carries && facts && "os" in facts ? (cephVersions[facts.os] ?? 0) : 0;
    };
    const own = cephOf(machine);
    const newer = [...this.known.keys()].find((other) => cephOf(other) > own);
    if (own === 0 || !newer || this.cluster.preflightAllow.includes("ceph-version")) return [];
    return [
      `\ngroundwork: claim refused ${node.name} (${node.ip}): its system has Ceph ${own}, and that of ${newer.node.name} (${newer.node.ip}) has ${cephOf(newer)}; Ceph takes in nothing that is older than the cluster\n` +
        "  what to do: give all machines of Ceph the same system, the newer, or take Ceph's roles from this one; nothing was written. " +
        "What is on purpose may be accepted as ceph-version in cluster.preflight.allow",
    ];
  }

  /** What `machine` has in common with others, in words. */
  private shared(machine: Machine): string[] {
    const { node } = machine;
    const own = this.known.get(machine);
    if (own && "unreadable" in own) {
      return [`\ngroundwork: claim refused ${node.name} (${node.ip}): ${own.unreadable}`];
    }
    return identities
      .filter(({ finding }) => !this.cluster.preflightAllow.includes(finding))
      .flatMap(({ finding, fact, called, remedy }) => {
        const value = own?.[fact];
        const others = [...this.known]
          .filter(
            ([other, facts]) =>
              other !== machine && !("unreadable" in facts) && facts[fact] === value,
          )
          .map(([{ node }]) => `${node.name} (${node.ip})`);
        if (!value || others.length === 0) return [];
        return [
          `\ngroundwork: claim refused ${node.name} (${node.ip}): it has the same ${called} as ${others.join(" and ")}: ${value}\n` +
            `  what to do: ${remedy}, then raise its generation in the file, so that it is examined again; ` +
            `nothing was written. What is on purpose may be accepted as ${finding} in cluster.preflight.allow`,
        ];
      });
  }
}
