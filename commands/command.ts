import { parseArgs, type ParseArgsOptionDescriptor } from "node:util";
import { ClusterConfigError } from "../config/issues";

/** Something the operator can mend: its message is all there is to say. */
export class OperatorError extends Error {}

/** An option as `parseArgs` of Node.js takes it, with what `--help` says of it. */
export interface Option extends ParseArgsOptionDescriptor {
  readonly help: string;
  /** What stands for its value in `--help`, such as `FILE`; for options that take one. */
  readonly value?: string;
}

type Options = Readonly<Record<string, Option>>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>["values"];

/** What an operator runs as `npm run NAME -- [ARGUMENTS]`. */
export interface Command<O extends Options = Options> {
  readonly name: string;
  /** What it does, in sentences; the first is the summary. */
  readonly about: string;
  /** What stands in `--help` for the arguments that are no options, such as `USER@HOST...`; default: it takes none. */
  readonly arguments?: string;
  /** How many of them it takes, at least and at most; default: none. */
  readonly count?: readonly [least: number, most: number];
  readonly options: O;
  /** What each status it ends with says, besides 2, which always means that it could not do its work. */
  readonly statuses: Readonly<Record<number, string>>;
  /** @returns the status to end with */
  run(values: Values<O>, args: readonly string[]): Promise<number>;
}

/** A command whose `run` knows the types of its options. */
export const command = <const O extends Options>(it: Command<O>): Command<O> => it;

/** The options that several commands have. */
export const common = {
  file: {
    type: "string",
    value: "FILE",
    default: "cluster.yaml",
    help: "the cluster file; default: cluster.yaml",
  },
} as const satisfies Options;

const usage = ({ name, arguments: rest }: Command) =>
  `usage: npm run ${name} -- [OPTIONS]${rest === undefined ? "" : ` ${rest}`}`;

/** What `--help` prints, and docs/commands.md says. */
export function help(it: Command): string {
  const options: [string, string][] = Object.entries({
    ...it.options,
    help: { help: "this text" } as Option,
  }).map(([name, option]) => [
    `--${name}${option.value === undefined ? "" : ` ${option.value}`}`,
    option.help,
  ]);
  const statuses = Object.entries({ ...it.statuses, 2: "it could not do its work" });
  const width = Math.max(...options.map(([left]) => left.length));
  return [
    usage(it),
    "",
    it.about,
    "",
    ...options.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
    "It ends with the status",
    ...statuses.map(([status, meaning]) => `  ${status}  ${meaning}`),
    "",
  ].join("\n");
}

/** Runs a command with the arguments of this process, whose status it sets. */
export async function main<O extends Options>(it: Command<O>): Promise<void> {
  process.exitCode = await execute(it, process.argv.slice(2));
}

/** @returns the status to end with; errors that are no faults of ours are printed, others thrown */
export async function execute<O extends Options>(
  it: Command<O>,
  args: readonly string[],
): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...it.options, help: { type: "boolean" } },
      allowPositionals: it.arguments !== undefined,
    });
    if ((values as { help?: boolean }).help) {
      process.stdout.write(help(it));
      return 0;
    }
    const [least, most] = it.count ?? [0, 0];
    if (positionals.length < least || positionals.length > most) {
      throw new OperatorError(
        `${positionals.length < least ? `${it.arguments ?? "an argument"} is missing` : "there is an argument too many"}; --help says what it is\n${usage(it)}`,
      );
    }
    return await it.run(values, positionals);
  } catch (error) {
    const ours = error instanceof ClusterConfigError || error instanceof OperatorError;
    if (ours) process.stderr.write(`${error.message}\n`);
    else if (isUsage(error)) process.stderr.write(`${error.message}\n${usage(it)}\n`);
    else throw error;
    return 2;
  }
}

const isUsage = (error: unknown): error is Error =>
  error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
