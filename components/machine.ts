import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { fill, settled } from "../arguments/standIns";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { type RegisteredStep, registerStep, stepAtHand, type StepContext } from "../ssh/step";
import type { Around } from "../ssh/maintain";
import type { Told } from "../ssh/runNow";
import { remedyHook } from "../ssh/told";
import type { Wire } from "../ssh/wire";
import { call } from "../steps/call";
import { claim } from "../steps/claim";
import { firewall } from "../steps/firewall";
import { lost } from "../steps/lost";
import { network } from "../steps/network";
import { whoseCards } from "../steps/network/cards";
import { preflight } from "../steps/preflight";
import { prepare } from "../steps/prepare";
import { renderAtOnce } from "../steps/program";
import type { Step } from "../steps/step";
import { type MachineFacts, type NoFacts, readFacts } from "./facts";
import type { Fleet } from "./fleet";
import type { StepId } from "./order";
import type { Steps } from "./steps";

export interface MachineArgs {
  readonly cluster: ClusterPlan;
  readonly clusterId: pulumi.Input<string>;
  readonly node: NodePlan;
  readonly fleet: Fleet;
  readonly steps: Steps;
}

/**
 * A bare machine that has become this cluster's: its lock is taken, and everything lies ready on it that is no secret.
 * Nothing of Kubernetes runs yet. Deleting it takes off the machine what the cluster put there, and releases the lock.
 *
 * A lost machine is never dialled: its steps stay in the state as they were, and leave it without being undone.
 */
export class Machine extends pulumi.ComponentResource {
  readonly node: NodePlan;
  /** Changes when the machine was reinstalled: with its host key, or when the operator raises its generation. */
  readonly identity: pulumi.Output<string>;
  /** Addresses of the masters that were listed when this machine came: whom it may ask for the cluster. */
  readonly peers: pulumi.Output<string>;
  /** The file's `maintenance` of the day when this machine came: it has had no chance to miss that. */
  readonly maintainedSince: pulumi.Output<string>;
  /** Bootstrap token of this machine and no other. */
  readonly token: { readonly id: pulumi.Output<string>; readonly secret: pulumi.Output<string> };
  /** The machine is fit; nothing was written to it. */
  readonly examined: command.remote.Command;
  /** What this machine is; not known of a lost one. */
  readonly facts: pulumi.Output<MachineFacts | NoFacts>;

  private readonly name: string;
  private readonly steps: Steps;
  private readonly context: StepContext;
  private readonly needs = new Map<string, Omit<RegisteredStep, "command">>();
  private readonly brings: pulumi.ResourceHook;
  private readonly remedy: pulumi.ErrorHook;
  private wire: Wire | undefined;

  constructor(name: string, args: MachineArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Machine", name, {}, opts);
    const { cluster, fleet, node, steps } = args;
    this.name = name;
    this.steps = steps;
    this.node = node;
    this.brings = new pulumi.ResourceHook(
      `${name}-brings`,
      async (step) => void (await this.bring(step.name)),
    );
    this.remedy = remedyHook(name, node, (message) => whoseCards(message, node, cluster.nodes));
    const survivor = cluster.nodes.find(({ lost }) => !lost);
    this.context = {
      on: (node.lost && survivor) || node,
      clusterId: args.clusterId,
      clusterName: cluster.name,
    };

    const identity = new random.RandomUuid(
      `${name}-identity`,
      {
        keepers: fill({
          hostKey: node.ssh.hostKey,
          generation: String(node.generation),
          ...(node.maintenance > 0 ? { maintenance: String(node.maintenance) } : {}),
          // A machine that turns up again has missed what happened meanwhile, and gets all of its steps again.
          ...(node.lost ? { lost: "true" } : {}),
          peers: cluster.masters.map(({ ip }) => ip).join(" "),
        }),
      },
      // A master that comes or goes must not touch this machine; a new identity takes the list of its day, and counts from the
      // maintenance of its day.
      { parent: this, ignoreChanges: ["keepers.peers", "keepers.maintenance"] },
    );
    this.identity = identity.result;
    this.maintainedSince = identity.keepers.apply((keepers) => keepers?.maintenance ?? "0");
    this.peers = identity.keepers.apply((keepers) => keepers?.peers ?? "");
    const keepers = { identity: identity.result };
    const alphabet = { special: false, upper: false, keepers };
    this.token = {
      id: new random.RandomString(`${name}-token-id`, { length: 6, ...alphabet }, { parent: this })
        .result,
      secret: new random.RandomPassword(
        `${name}-token`,
        { length: 16, ...alphabet },
        { parent: this },
      ).result,
    };

    if (node.network) {
      const step = network({ node, network: node.network });
      const gives = [this.gives(step, cluster.nodes)];
      this.run(step, `${node.name}/network`, {
        hooks: { beforeCreate: gives, beforeUpdate: gives },
      });
    }
    this.examined = this.run(preflight({ cluster, node }), `${node.name}/preflight`);
    this.facts = pulumi
      .all([this.examined.stdout, this.examined.urn])
      .apply(([stdout, urn]) => readFacts(stdout, node.name, urn));
    const distinct = node.lost ? [] : [fleet.distinct(name, this)];
    const stack = `${pulumi.getProject()}/${pulumi.getStack()}`;
    this.run(claim({ cluster, node, stack }), `${node.name}/claim`, {
      hooks: { beforeCreate: distinct, beforeUpdate: distinct },
    });
    if (node.calls) this.run(call(node.calls), `${node.name}/call`);
    this.run(prepare({ cluster, node, salt: this.token.secret }), `${node.name}/prepare`);
    if (cluster.networking.firewall) this.run(firewall(cluster, node), `${node.name}/firewall`);
    this.registerOutputs();
  }

  /**
   * Has a step run on this machine; it becomes a child of `parent`, by default of the machine.
   * It waits for what the order has for `id`, and whoever waits for `id` waits for it.
   * Every step knows the machine's identity, so that a reinstalled machine gets all of them again.
   */
  run(
    step: Step,
    id: StepId,
    { hooks = {}, ...opts }: pulumi.CustomResourceOptions = {},
    name = `${this.name}-${step.script}`,
  ): command.remote.Command {
    const options = { parent: this, dependsOn: this.steps.before(id), ...opts };
    if (this.node.lost) {
      // What the state knows of the step stays; a step that never was is born as one that does nothing, elsewhere.
      return this.registered(name, id, lost, {
        ...options,
        hooks: { beforeCreate: [this.brings] },
        retainOnDelete: true,
        ignoreChanges: ["connection", "create", "delete", "stdin"],
      });
    }
    const variables = { IDENTITY: this.identity, ...step.variables };
    return this.registered(
      name,
      id,
      { ...step, variables },
      {
        ...options,
        hooks: {
          ...hooks,
          ...(step.undo === undefined ? { onError: [this.remedy, ...(hooks.onError ?? [])] } : {}),
          beforeCreate: [...(hooks.beforeCreate ?? []), this.brings],
          beforeUpdate: [...(hooks.beforeUpdate ?? []), this.brings],
        },
      },
    );
  }

  /**
   * What runs a step on this machine at once, for a hook. Its scripts come with those of the machine's other steps.
   *
   * @returns a function that fails as the step does: saying what failed, where, and what to do
   */
  atHand(step: Step, name: string): () => Promise<void> {
    const runs = this.whenTold(step, name);
    return () => runs({});
  }

  /** The same for one that is told something that is known only then. */
  whenTold(step: Step, name: string): (told: Told) => Promise<void> {
    const { program, ...needs } = stepAtHand(name, step, this.context);
    this.needs.set(name, needs);
    return async (told) => {
      const wire = await this.bring(name);
      const { runNow } = await import("../ssh/runNow");
      await runNow(wire, step.script, await valueOf(program), { told, seconds: step.timeout });
    };
  }

  /**
   * What has this machine maintained, for a hook of its step.
   *
   * @param around what others do before it goes, and when it is back
   */
  maintains(step: Step, around: Pick<Around, "before" | "after">): () => Promise<void> {
    return async () => {
      const { maintain } = await import("../ssh/maintain");
      const wire = await this.reached();
      const { node, program } = await this.rendering(step);
      const restarted = () => wire.close();
      const tell = (words: string) => void pulumi.log.info(words, this);
      await maintain(node, program, { ...around, restarted, tell });
    };
  }

  /**
   * Has `use` talk to the machine, before a step of it runs: what the step needs is there.
   * @param name of the step's resource
   */
  async overWire(name: string, use: (wire: Wire) => Promise<void>): Promise<void> {
    await use(await this.bring(name));
  }

  /** Before the step that looks: the machine gets its network, and is reached by it. */
  private gives(step: ReturnType<typeof network>, nodes: readonly NodePlan[]): pulumi.ResourceHook {
    return new pulumi.ResourceHook(`${this.name}-gives`, async () => {
      const { giveNetwork } = await import("../ssh/network");
      await this.reached();
      const { node, program } = await this.rendering(step);
      const others = await settled(nodes);
      await giveNetwork(node, program, (message) => whoseCards(message, node, others));
    });
  }

  /** What a step runs here for each action, where it leaves nothing on the machine. */
  private async rendering({ script, variables: own }: Step) {
    const { on, clusterName: CLUSTER_NAME } = this.context;
    const node = await settled(on);
    const variables = {
      NODE: node.name,
      NODE_IP: node.ip,
      STEP: script,
      CLUSTER_ID: await valueOf(pulumi.output(this.context.clusterId)),
      CLUSTER_NAME,
      ...(await valueOf(pulumi.output(fill(own)))),
    };
    const program = (ACTION: string) =>
      renderAtOnce({ script, variables: { ...variables, ACTION } });
    return { node, program };
  }

  private registered(name: string, id: StepId, step: Step, opts: pulumi.CustomResourceOptions) {
    const { command, ...needs } = registerStep(name, step, this.context, opts);
    this.needs.set(name, needs);
    this.steps.add(id, command);
    return command;
  }

  /** The program's connection to the machine, which has called where nobody dials it. */
  private async reached(): Promise<Wire> {
    // An SSH client takes its time to load, and a preview needs none.
    const { Wire } = await import("../ssh/wire");
    const on = await settled(this.context.on);
    this.wire ??= new Wire(on);
    await this.wire.called((words) => void pulumi.log.info(words, this));
    return this.wire;
  }

  /** Before a step runs: the machine lets us in, and has what the step needs there. */
  private async bring(name: string): Promise<Wire> {
    const needs = this.needs.get(name);
    if (needs === undefined) throw new Error(`${name} is no step of ${this.node.name}`);
    const [{ bring }, wire] = await Promise.all([import("../ssh/delivery"), this.reached()]);
    const secrets = await valueOf(needs.secrets);
    const clusterId = await valueOf(pulumi.output(this.context.clusterId));
    const others = [...this.needs.values()].map(({ delivery }) => delivery);
    await bring(wire, needs.delivery, secrets, others, clusterId);
    return wire;
  }
}

/** The value of an output, in a hook: there it is known. */
function valueOf<T>(output: pulumi.Output<T>): Promise<pulumi.Unwrap<T>> {
  return new Promise((resolve) => output.apply((value) => resolve(value as pulumi.Unwrap<T>)));
}
