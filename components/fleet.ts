import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { settled } from "../arguments/standIns";
import type { ClusterPlan } from "../config/plan";
import type { MachineFacts, NoFacts } from "./facts";
import type { Machine } from "./machine";

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

/** All machines of a cluster: what must be known of them together before any is taken. */
export class Fleet {
  /**
   * All machines are examined. It is one resource, for if each step named all machines, the state would grow with the
   * square of their number.
   */
  readonly examined: pulumi.Output<pulumi.Resource>;
  private readonly settle: (examined: pulumi.Output<pulumi.Resource>) => void;
  private readonly known = new Map<Machine, MachineFacts | NoFacts>();

  constructor(
    private readonly name: string,
    private readonly cluster: ClusterPlan,
  ) {
    [this.examined, this.settle] = pulumi.deferredOutput();
  }

  /** Has to be called once all machines are constructed, with those that are to be examined. */
  complete(machines: readonly Machine[]): void {
    machines.forEach((machine) =>
      machine.facts.apply(async (facts) => {
        this.known.set(machine, facts);
        // It may be a living cluster's: nothing else of it depends on what its machine is.
        if ("unreadable" in facts) await pulumi.log.warn(facts.unreadable, machine);
      }),
    );
    const dependsOn = machines.map(({ examined }) => examined);
    this.settle(pulumi.output(new random.RandomUuid(this.name, {}, { dependsOn })));
  }

  /** Keeps a machine from being taken that shares an identity with another. Only for what waits for `examined`. */
  distinct(machine: Machine): pulumi.ResourceHook {
    return new pulumi.ResourceHook(`${machine.node.name}-distinct`, async () => {
      const problems = await settled(this.shared(machine));
      if (problems.length > 0) throw new Error(problems.join("\n"));
    });
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
