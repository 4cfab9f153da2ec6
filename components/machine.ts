import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type Artifact, type ClusterPlan, type NodePlan, roleOf } from "../config/plan";
import { cephPackages } from "../steps/lib/cephDaemons";
import {
  containerdConfig,
  kernelModules,
  packages,
  registryHosts,
  sysctls,
} from "../steps/prepare/files";
import type { NodeFile } from "../steps/program";
import { type MachineFacts, type NoFacts, readFacts } from "./facts";
import type { Fleet } from "./fleet";
import { answersHook } from "../ssh/answers";
import { hangHook } from "../ssh/hang";
import { remedyHook } from "../ssh/remedy";
import { runStep, type StepArgs, stepProgram } from "../ssh/step";

export interface MachineArgs {
  readonly cluster: ClusterPlan;
  readonly clusterId: pulumi.Input<string>;
  readonly node: NodePlan;
  readonly fleet: Fleet;
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
  /** Bootstrap token of this machine and no other. */
  readonly token: { readonly id: pulumi.Output<string>; readonly secret: pulumi.Output<string> };
  /** The machine is fit; nothing was written to it. */
  readonly examined: command.remote.Command;
  /** What this machine is; not known of a lost one. */
  readonly facts: pulumi.Output<MachineFacts | NoFacts>;
  /** The lock is held. */
  readonly claimed: command.remote.Command;
  /** Packages, programs and settings are in place. */
  readonly prepared: command.remote.Command;

  private readonly context: Pick<StepArgs, "on" | "clusterId" | "clusterName">;
  private readonly hangs: pulumi.ResourceHook;
  private readonly answers: pulumi.ResourceHook;
  private readonly remedy: pulumi.ErrorHook;

  constructor(name: string, args: MachineArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Machine", name, {}, opts);
    const { cluster, fleet, node } = args;
    this.node = node;
    this.hangs = hangHook(node);
    this.answers = answersHook(node);
    this.remedy = remedyHook(node);
    const survivor = cluster.nodes.find(({ lost }) => !lost);
    this.context = {
      on: (node.lost && survivor) || node,
      clusterId: args.clusterId,
      clusterName: cluster.name,
    };

    const identity = new random.RandomUuid(
      `${name}-identity`,
      {
        keepers: {
          hostKey: node.ssh.hostKey,
          generation: String(node.generation),
          // A machine that turns up again has missed what happened meanwhile, and gets all of its steps again.
          ...(node.lost ? { lost: "true" } : {}),
          peers: cluster.masters.map(({ ip }) => ip).join(" "),
        },
      },
      // A master that comes or goes must not touch this machine; a new identity takes the list of its day.
      { parent: this, ignoreChanges: ["keepers.peers"] },
    );
    this.identity = identity.result;
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

    const role = roleOf(node);
    this.examined = this.run(
      "preflight",
      {
        vars: {
          ROLES: node.roles.join(" "),
          ARCHITECTURE: node.architecture,
          MAC_ADDRESSES: node.macAddresses.join(" "),
          // Everything is downloaded from few hosts: they have to be reached, and know the time.
          TIME_SOURCE: node.artifacts[0] ? new URL(node.artifacts[0].url).origin : "",
          PREFLIGHT_ALLOW: cluster.preflightAllow.join(" "),
        },
        publicOutput: true,
      },
      [],
    );
    this.facts = pulumi
      .all([this.examined.stdout, this.examined.urn])
      .apply(([stdout, urn]) => readFacts(stdout, node.name, urn));
    const distinct = fleet.distinct(this);
    this.claimed = this.run(
      "claim",
      {
        delete: "reset",
        vars: {
          ROLE: role,
          STACK: `${pulumi.getProject()}/${pulumi.getStack()}`,
          NODE_HOSTNAME: node.hostname,
        },
      },
      fleet.examined.apply((all) => [this.examined, all]),
      { hooks: { beforeCreate: [distinct], beforeUpdate: [distinct] } },
    );
    this.prepared = this.run(
      "prepare",
      {
        vars: {
          ROLE: role,
          PACKAGES: packagesOf(node).join(" "),
          ARTIFACTS: node.artifacts.map(artifactLine).join("\n"),
        },
        files: preparedFiles(cluster),
      },
      [this.claimed],
    );
    this.registerOutputs();
  }

  /**
   * Runs a step on this machine; it becomes a child of `parent`, by default of the machine.
   * Every step knows the machine's identity, so that a reinstalled machine gets all of them again.
   */
  run(
    step: string,
    args: Omit<StepArgs, "create" | "on" | "clusterId" | "clusterName">,
    dependsOn: readonly pulumi.Resource[] | pulumi.Output<pulumi.Resource[]>,
    { hooks = {}, ...opts }: pulumi.CustomResourceOptions = {},
    name = `${this.node.name}-${step}`,
  ): command.remote.Command {
    const waitsFor = pulumi.Output.isInstance(dependsOn) ? dependsOn : [...dependsOn];
    if (this.node.lost) {
      // What the state knows of the step stays; a step that never was is born as one that does nothing, elsewhere.
      return runStep(
        name,
        { create: "lost", ...this.context },
        {
          parent: this,
          dependsOn: waitsFor,
          ...opts,
          retainOnDelete: true,
          ignoreChanges: ["connection", "create", "delete", "stdin"],
        },
      );
    }
    const reachable = step === "preflight" ? this.answers : this.hangs;
    return runStep(
      name,
      { create: step, ...this.context, ...args, vars: { IDENTITY: this.identity, ...args.vars } },
      {
        parent: this,
        dependsOn: waitsFor,
        ...opts,
        hooks: {
          ...(args.delete === undefined ? { onError: [this.remedy] } : {}),
          ...hooks,
          beforeCreate: [...(hooks.beforeCreate ?? []), reachable],
          beforeUpdate: [...(hooks.beforeUpdate ?? []), reachable],
        },
      },
    );
  }

  /**
   * Runs a program on this machine at once, for a hook: nothing of it stands in the state.
   * @throws Error that says what failed, where, and what to do
   */
  async runNow(create: string, args: Pick<StepArgs, "vars" | "texts">): Promise<void> {
    const program = stepProgram({ create, ...this.context, ...args });
    const text = await new Promise<string>((resolve) => program.apply(resolve));
    // An SSH client takes its time to load, and a preview needs none.
    const { runOn } = await import("../ssh/runOn");
    await runOn(this.node, create, text);
  }
}

function packagesOf(node: NodePlan): readonly string[] {
  return [...basePackages(node), ...cephPackages(node.roles)];
}

function basePackages(node: NodePlan): readonly string[] {
  switch (roleOf(node)) {
    case "master":
      return [...packages, "python3", "python3-cryptography"];
    case "worker":
      return [...packages, "haproxy"];
    case "storage":
      return ["ca-certificates", "curl", "jq"];
  }
}

/** One line of the list `prepare` reads: hash, URL, and each installed path, with the archive's member behind `=`. */
function artifactLine({ sha256, url, installs }: Artifact): string {
  const paths = installs.map(({ path, member }) =>
    member === undefined ? path : `${path}=${member}`,
  );
  return [sha256, url, ...paths].join(" ");
}

function preparedFiles(cluster: ClusterPlan): NodeFile[] {
  const readable = { mode: "0644" };
  return [
    { path: "/etc/modules-load.d/groundwork.conf", content: kernelModules, ...readable },
    { path: "/etc/sysctl.d/90-groundwork.conf", content: sysctls, ...readable },
    { path: "/var/lib/groundwork/containerd.toml", content: containerdConfig(cluster) },
    ...Object.entries(cluster.registryMirrors).map(([registry, mirrors]) => ({
      path: `/etc/containerd/certs.d/${registry}/hosts.toml`,
      content: registryHosts(registry, mirrors),
    })),
  ];
}
