import type * as wire from "../../ssh/wire";
import {
  digest,
  part,
  type ProgramArgs,
  type ProgramFile,
  renderProgram,
  sources,
} from "../../steps/program";

const end = "GROUNDWORK_END";
const put = new RegExp(`^put (\\S+) <<'${end}'\\n([^]*?)^${end}$`, "gm");

/** By what they are known by: the same in all recordings. */
const secrets = new Map<string, string>();

type Run = (machine: wire.Wire, program: string) => void;

/** Has `use` think that it talks to machines, on which lies what is `there`. */
async function onMachines(there: Iterable<string>, run: Run, use: () => Promise<unknown>) {
  // The module that the program has loaded: a test may have had it loaded anew.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { Wire } = require("../../ssh/wire") as typeof wire;
  const { called, parts, run: original } = Object.getOwnPropertyDescriptors(Wire.prototype);
  Wire.prototype.called = () => Promise.resolve();
  Wire.prototype.parts = () => Promise.resolve(new Set(there));
  Wire.prototype.run = function (program) {
    run(this, program);
    return Promise.resolve({ status: 0, output: "", errors: "", sent: 0, begun: 0 });
  };
  try {
    await use();
  } finally {
    Object.defineProperties(Wire.prototype, { called, parts, run: original });
  }
}

/** What is brought to a machine while `use` runs, by the name it has there: scripts, files and secrets. */
export async function whatIsBrought(use: () => Promise<unknown>): Promise<Map<string, string>> {
  const read: Run = (_, program) => {
    for (const [, name = "", text = ""] of program.matchAll(put)) secrets.set(name, text);
  };
  await onMachines([], read, use);
  return secrets;
}

/** The programs that run while `use` runs on machines where `there` lies (all scripts), with the connection to each. */
export async function whatRuns(
  use: () => Promise<unknown>,
  there: Iterable<string> = allParts().keys(),
): Promise<[wire.Wire, string][]> {
  const ran: [wire.Wire, string][] = [];
  await onMachines(there, (machine, program) => ran.push([machine, program]), use);
  return ran;
}

const heredoc = (text: string) => ` <<'${end}'\n${text}${end}`;

/** A step's program with all that lies apart put in its place: one text that needs nothing else on the machine. */
export function inlined(stdin: string, brought: ReadonlyMap<string, string>): string {
  const textOf = (name: string) => {
    const text = brought.get(name);
    if (text === undefined) throw new Error(`nobody brings ${name}`);
    return text;
  };
  const [begin, end] = [
    stdin.lastIndexOf('\ncase "$1" in\n') + 1,
    stdin.lastIndexOf("\ndone\n") + 6,
  ];
  const [head, block, tail] = [stdin.slice(0, begin), stdin.slice(begin, end), stdin.slice(end)];
  const cases = [...block.matchAll(/^(create|delete)\) (STEP=\S+ )?uses="\n([^]*?)" ;;$/gm)].map(
    ([, command = "", step = "", uses = ""]) =>
      `${command})\n${step ? `${step.trim()}\n` : ""}${uses.trim().split("\n").map(textOf).join("")};;`,
  );
  return [
    head
      .replace(/ <"\$(?:IN|KEPT)\/(\S+)"/g, (_, name: string) => heredoc(textOf(name)))
      .replace(
        /^(\w+)\(\) \{ cat "\$IN\/(\w+)"; \}$/gm,
        (_, name: string, digest: string) => `${name}() {\ncat${heredoc(textOf(digest))}\n}`,
      ),
    `case "$1" in\n${cases.join("\n")}\nesac\n`,
    tail,
  ].join("");
}

/** Parts of a program that are no secrets, by the name they have on a machine. */
export const allParts = () =>
  new Map([...sources.keys()].map((name) => [part(name).name, part(name).text]));

/** What `renderProgram` makes of a step, inlined. Its secrets are given as texts. */
export function wholeProgram(
  args: Omit<Partial<ProgramArgs>, "files"> & {
    readonly script: string;
    readonly files?: readonly (ProgramFile & { readonly secret?: boolean })[];
  },
): string {
  const brought = allParts();
  const apart = (text: string) => {
    brought.set(digest(text), text.endsWith("\n") ? text : `${text}\n`);
    return digest(text);
  };
  const { files = [], secrets = {}, ...others } = args;
  const stdin = renderProgram({
    name: "test",
    variables: {},
    ...others,
    files: files.map(({ secret, content = "", ...file }) =>
      secret ? { ...file, digest: apart(content) } : { ...file, content, constant: false },
    ),
    secrets: Object.fromEntries(Object.entries(secrets).map(([key, text]) => [key, apart(text)])),
  });
  return inlined(stdin, brought);
}
