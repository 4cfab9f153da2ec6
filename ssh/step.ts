import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { NodePlan, SshTarget } from "../config/plan";
import { type ProgramArgs, renderProgram } from "../steps/program";
import { shell } from "./shell";

export interface StepArgs extends Omit<ProgramArgs, "vars" | "texts" | "files"> {
  /** The machine the step runs on. */
  readonly on: NodePlan;
  readonly clusterId: pulumi.Input<string>;
  readonly clusterName: string;
  readonly vars?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly texts?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly files?: pulumi.Input<readonly pulumi.Input<NonNullable<ProgramArgs["files"]>[number]>[]>;
  /** Seconds after which the step is ended on the node; default 600. */
  readonly timeout?: number;
  /** Whether what the step prints is for the program to read; default: it is kept secret. */
  readonly publicOutput?: boolean;
}

/**
 * How a machine is dialled. An unreachable machine is given up after half a minute; a refusing one sooner.
 * @see https://github.com/pulumi/pulumi-command for the fields; a misspelt key would print the private key.
 */
function connection(target: SshTarget): command.types.input.remote.ConnectionArgs {
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
 * Runs one script of `steps/` on a machine: the only place that opens connections, and that decides what is secret.
 *
 * The program travels on standard input: process lists and error messages show `bash -s -- create` and nothing more,
 * and its changed lines are the diff of a preview. It runs again when any of it changes.
 */
export function runStep(
  name: string,
  args: StepArgs,
  opts: pulumi.CustomResourceOptions,
): command.remote.Command {
  const { on, timeout = 600 } = args;
  const bash = shell(on.ssh, timeout);
  return new command.remote.Command(
    name,
    {
      connection: connection(on.ssh),
      create: `${bash} create`,
      ...(args.delete === undefined ? {} : { delete: `${bash} delete` }),
      stdin: stepProgram(args),
      logging: "none",
      addPreviousOutputInEnv: false,
    },
    { ...opts, ...(args.publicOutput ? {} : { additionalSecretOutputs: ["stdout", "stderr"] }) },
  );
}

/** The program of a step, as it travels on standard input. */
export function stepProgram(args: StepArgs): pulumi.Output<string> {
  const { on, files = [] } = args;
  const vars = {
    NODE: on.name,
    NODE_IP: on.ip,
    STEP: args.create,
    CLUSTER_ID: args.clusterId,
    CLUSTER_NAME: args.clusterName,
    ...args.vars,
  };
  return pulumi
    .all([pulumi.output(vars), pulumi.output(args.texts ?? {}), pulumi.output(files)])
    .apply(([vars, texts, files]) =>
      renderProgram({ create: args.create, delete: args.delete, vars, texts, files }),
    );
}
