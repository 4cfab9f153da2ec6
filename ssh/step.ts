import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { fill } from "../arguments/standIns";
import type { NodePlan, SshTarget } from "../config/plan";
import { digest, partsOf, renderProgram } from "../steps/program";
import type { Step } from "../steps/step";
import type { Delivery } from "./delivery";
import { fed, shell } from "./shell";

/** Where a step runs, and for which cluster. */
export interface StepContext {
  readonly on: NodePlan;
  readonly clusterId: pulumi.Input<string>;
  readonly clusterName: string;
}

/** A step that is registered, and what has to be brought to its machine before it runs. */
export interface RegisteredStep {
  readonly command: command.remote.Command;
  readonly delivery: Delivery;
  /** Texts that are secret, by their digest; known when the step may run. */
  readonly secrets: pulumi.Output<ReadonlyMap<string, string>>;
}

/**
 * How a machine is dialled. An unreachable machine is given up after half a minute; a refusing one sooner.
 * @see https://github.com/pulumi/pulumi-command for the fields; a misspelt key would print the private key.
 */
export function connection(target: SshTarget): command.types.input.remote.ConnectionArgs {
  const { host, port, user, hostKey, privateKey } = target;
  const endpoint = { host, port, user, hostKey, privateKey, dialErrorLimit: 5, perDialTimeout: 5 };
  if (target.bastion === undefined) return endpoint;
  const { bastion } = target;
  return {
    ...endpoint,
    proxy: {
      host: bastion.host,
      port: bastion.port,
      user: bastion.user,
      hostKey: bastion.hostKey,
      privateKey: bastion.privateKey,
      dialErrorLimit: 5,
      perDialTimeout: 5,
    },
  };
}

/**
 * Registers a step on a machine: the only place that has the engine open connections, and that decides what is secret.
 *
 * What is on its standard input is what a preview compares, and when any of it changes, the step runs again: variables,
 * files, a digest of each secret, and names with digests of the scripts, which lie on the machine. Process lists and
 * error messages show `bash -s -- create` and nothing more.
 */
export function registerStep(
  name: string,
  step: Step,
  context: StepContext,
  opts: pulumi.CustomResourceOptions,
): RegisteredStep {
  const { on } = context;
  const { script, libraries, undo, files = [], texts = {}, secrets = {}, timeout = 600 } = step;
  const variables = variablesOf(step, context);
  const { onForeignMachine } = step;
  const program = { name, script, libraries, undo, onForeignMachine };
  const known = pulumi
    .all([
      pulumi.output(fill(variables)),
      pulumi.output(fill(files)),
      pulumi.output(fill(texts)),
      pulumi.output(fill(secrets)),
    ])
    .apply(([variables, files, texts, secrets]) => {
      const apart = new Map<string, string>();
      const setApart = (text: string) => {
        const key = digest(text);
        apart.set(key, text);
        return key;
      };
      const stdin = renderProgram({
        ...program,
        variables,
        texts,
        files: files.map(({ secret, content = "", ...file }) =>
          secret ? { ...file, digest: setApart(content) } : { ...file, content },
        ),
        secrets: Object.fromEntries(
          Object.entries(secrets).map(([name, text]) => [name, setApart(text)]),
        ),
      });
      return { stdin, apart };
    });
  const bash = shell(on.ssh, timeout);
  // Of what is secret it has digests.
  const stdin = pulumi.unsecret(known.apply(({ stdin }) => stdin));
  const registered = new command.remote.Command(
    name,
    {
      connection: fill(connection(on.ssh)),
      create: `${bash} create`,
      ...(undo === undefined ? {} : { delete: `${bash} delete` }),
      stdin: on.ssh.sudoPassword === undefined ? stdin : withPassword(name, on.ssh, stdin, opts),
      logging: "none",
      addPreviousOutputInEnv: false,
    },
    { ...opts, ...(step.publicOutput ? {} : { additionalSecretOutputs: ["stdout", "stderr"] }) },
  );
  return {
    command: registered,
    delivery: {
      name,
      parts: partsOf({ ...program, files }),
      inMemory: onForeignMachine ?? false,
    },
    secrets: known.apply(({ apart }) => apart),
  };
}

/** What a step runs, where its standard input is secret: for previews to show. */
class Program extends pulumi.ComponentResource {
  constructor(name: string, program: pulumi.Input<string>, opts: pulumi.ComponentResourceOptions) {
    super("groundwork:index:Program", name, { program }, opts);
    this.registerOutputs();
  }
}

/** Standard input with the password that sudo asks for. Nothing shows of it, and so what it holds shows beside it. */
function withPassword(
  name: string,
  ssh: SshTarget,
  stdin: pulumi.Output<string>,
  { parent }: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  new Program(`${name}-program`, stdin, { ...(parent && { parent }) });
  const login = pulumi.secret(fill({ user: ssh.user, sudoPassword: ssh.sudoPassword ?? "" }));
  return pulumi.all([login, stdin]).apply(([login, stdin]) => fed(login, stdin));
}

/** A step that is no resource: nothing of it stands in the state. */
export interface StepAtHand extends Omit<RegisteredStep, "command"> {
  /** What it is given on standard input, its secrets too. Known when it may run. */
  readonly program: pulumi.Output<string>;
}

/** A step that a hook runs when it is needed. It has no files. */
export function stepAtHand(name: string, step: Step, context: StepContext): StepAtHand {
  const { script, texts = {}, secrets = {} } = step;
  const program = { name, script };
  const rendered = pulumi
    .all([
      pulumi.output(fill(variablesOf(step, context))),
      pulumi.output(fill(texts)),
      pulumi.output(fill(secrets)),
    ])
    .apply(([variables, texts, secrets]) =>
      renderProgram({ ...program, variables, texts: { ...texts, ...secrets } }),
    );
  return {
    delivery: { name, parts: partsOf(program), inMemory: false },
    secrets: rendered.apply(() => new Map<string, string>()),
    program: rendered,
  };
}

/** What every step is told, and what this one is. */
function variablesOf({ script, variables }: Step, { on, clusterId, clusterName }: StepContext) {
  return {
    NODE: on.name,
    NODE_IP: on.ip,
    STEP: script,
    CLUSTER_ID: clusterId,
    CLUSTER_NAME: clusterName,
    ...variables,
  };
}
