import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { settled } from "../arguments/standIns";
import type { ClusterPlan } from "../config/plan";
import type { MachineFacts, NoFacts } from "./facts";
import { besideOthers } from "./identities";
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
    if (own === undefined) return [];
    const others = [...this.known].flatMap(([other, facts]) =>
      other === machine || "unreadable" in facts ? [] : [{ node: other.node, facts }],
    );
    const { ceph, preflightAllow } = this.cluster;
    // Where the file says which version Ceph has, its system's does not matter.
    const allow = ceph?.packages ? [...preflightAllow, "ceph-version"] : preflightAllow;
    return besideOthers({ node, facts: own }, others, allow).map(
      ({ finding, text, remedy }) =>
        `\ngroundwork: claim refused ${node.name} (${node.ip}): ${text}\n` +
        `  what to do: ${remedy}, then raise its generation in the file, so that it is examined again; ` +
        `nothing was written. What is on purpose may be accepted as ${finding} in cluster.preflight.allow`,
    );
  }
}
