import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sources } from "../../steps/program";

/** A part of the syntax tree that shfmt prints. */
interface Part {
  readonly Type?: string;
  readonly Name?: { readonly Value: string };
  readonly Value?: unknown;
  readonly Parts?: readonly Part[];
  readonly Args?: readonly Part[];
  readonly Array?: { readonly Elems?: readonly { readonly Value: Part }[] };
  readonly Param?: { readonly Value: string };
  readonly Index?: unknown;
}

/** Stands for what is known only when the script runs, and for all arguments of a function. */
const unknown = "\0";
const everything = "\0@";

/** What runs the program that its arguments name: how many of these come before it, its own options not counted. */
const wrappers: Readonly<Record<string, number>> = {
  command: 0,
  env: 0,
  exec: 0,
  first_line: 0,
  first_seen: 1,
  "ip netns exec": 1,
  nice: 0,
  poll: 2,
  setpriv: 0,
  setsid: 0,
  timeout: 1,
  wait_for: 3,
  xargs: 0,
};

/** What comes with the cluster, in a version of its own, or is a text of a step's program (steps/program.ts). */
const own =
  /^(kube.*|etcd(ctl|utl)?|flanneld|install_files|registry_logins|settings|users|known_hosts|sshd?_config|unit|\w+_(key|keyring|kubeconfig|password|secret))$/;
/** Programs with other options for each of their own commands, and how many words name one. */
const subcommands: Readonly<Record<string, number>> = { ctr: 2, openssl: 1 };
/** Programs whose long options have one dash. */
const singleDash = ["find", "ip", "openssl"];
/** Options whose values have not been known for ever, too. */
const valued = [
  "curl --write-out",
  "df --output",
  "lsblk --output",
  "pvs --options",
  "systemctl --timestamp",
  "wipefs --output",
];

const builtins = spawnSync("bash", ["-c", "compgen -bk"], { encoding: "utf8" }).stdout.split("\n");

/** A script's syntax tree. */
function treeOf(script: string): Part {
  const { status, stdout, stderr } = spawnSync("shfmt", ["--to-json"], {
    input: script,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(status, 0, `shfmt, which lab/requirements.sh installs: ${stderr}`);
  return JSON.parse(stdout) as Part;
}

/** All parts of a tree, in order. */
function partsOf(part: Part): Part[] {
  const inner = Object.values(part).flatMap((value: unknown) =>
    (Array.isArray(value) ? value : [value]).filter(
      (one): one is Part => typeof one === "object" && one !== null,
    ),
  );
  return [part, ...inner.flatMap(partsOf)];
}

function textOf({ Type, Value, Parts, Param }: Part): string {
  if (Parts) return Parts.map(textOf).join("");
  if (Type === "ParamExp" && Param?.Value === "@") return everything;
  return (Type === "Lit" || Type === "SglQuoted") && typeof Value === "string" ? Value : unknown;
}

/** A function that runs what follows (steps/lib/ceph-lib.sh). */
const says = "ceph_says";

/** What the scripts ask of programs. Functions that one defines the others may use. */
class Commands {
  readonly found = new Set<string>();
  private readonly functions = new Map<string, readonly string[]>();
  private readonly arrays = new Map<string, readonly string[]>();

  constructor(scripts: readonly string[]) {
    const trees = scripts.map((script) => partsOf(treeOf(script)));
    for (const parts of trees) for (const part of parts) this.define(part);
    for (const parts of trees) this.read(parts);
  }

  /** A function that hands its arguments on stands for the program to which it does. */
  private define(part: Part): void {
    if (part.Type !== "FuncDecl" || !part.Name) return;
    const calls = partsOf(part).flatMap(({ Args }) => (Args ? [Args.map(textOf)] : []));
    const [handed] = calls
      .map((words) => (words[0] === says ? words.slice(1) : words))
      .filter((words) => words.indexOf(everything) > 0);
    this.functions.set(part.Name.Value, handed?.slice(0, handed.indexOf(everything)) ?? []);
  }

  private read(parts: readonly Part[]): void {
    for (const { Name, Array: array, Args } of parts) {
      if (Name && array?.Elems)
        this.arrays.set(
          Name.Value,
          array.Elems.flatMap(({ Value }) => this.wordsOf(Value)),
        );
      if (Args) this.ask(Args.flatMap((arg) => this.wordsOf(arg)));
    }
  }

  private wordsOf(part: Part): readonly string[] {
    const only = part.Parts?.length === 1 ? part.Parts[0] : undefined;
    const variable = only?.Type === "DblQuoted" && only.Parts?.length === 1 ? only.Parts[0] : only;
    const name = variable?.Index ? variable.Param?.Value : undefined;
    return (name !== undefined ? this.arrays.get(name) : undefined) ?? [textOf(part)];
  }

  private ask([command = "", ...args]: readonly string[]): void {
    const handsOn = this.functions.get(command);
    // Whether it is there is asked, not that it be.
    if (command === "command" && args[0] === "-v") return;
    if (command === says) this.ask(args);
    else if (command === "ask_as") this.monitors(args.slice(2));
    else if (command in wrappers) this.wrapped(command, args);
    else if (handsOn?.[0] === "ask_as") this.monitors(args);
    else if (handsOn && handsOn.length > 0) this.ask([...handsOn, ...args]);
    else if (/^[a-z][\w.-]*$/.test(command) && !handsOn && !own.test(command))
      this.record(command, args);
  }

  private wrapped(command: string, args: readonly string[]): void {
    const [program = ""] = command.split(" ");
    let at = 0;
    // Settings of `env` are no program, nor are those that it takes away.
    while (/^-|^\w+=|^\0$/.test(args[at] ?? "")) at += args[at] === "-u" ? 2 : 1;
    if (!this.functions.has(program)) this.record(program, args.slice(0, at));
    if (at < args.length) this.ask(args.slice(at + (wrappers[command] ?? 0)));
  }

  private record(command: string, args: readonly string[]): void {
    if (`${command} ${args.slice(0, 2).join(" ")}` === "ip netns exec")
      return this.wrapped("ip netns exec", args.slice(2));
    if (builtins.includes(command)) return;
    this.found.add(`command ${command}`);
    if (command === "ceph") return this.ceph(args);
    if (command === "bash") args.forEach((arg, i) => this.inline(arg, args[i + 1]));
    const run = args.indexOf("-exec");
    if (run >= 0) this.ask(args.slice(run + 1));
    const ends = [args.indexOf("--"), run < 0 ? run : run + 1].filter((at) => at >= 0);
    const words = args.filter((arg) => /^[a-z]+\d*$/.test(arg)).slice(0, subcommands[command] ?? 0);
    const long = singleDash.includes(command) ? /^--?[a-z][\w-]+/ : /^--[a-z][\w-]+/;
    args.slice(0, Math.min(...ends, args.length)).forEach((arg, i) => {
      const [flag] = long.exec(arg) ?? [];
      if (flag === undefined) return;
      const before = words.filter((word) => args.indexOf(word) < i);
      const option = [command, ...before, flag].join(" ");
      const value = /=(.*)/s.exec(arg)?.[1] ?? args[i + 1] ?? "";
      const parts = command === "curl" ? value.match(/%\{\w+\}/g) : value.split(",");
      for (const word of (valued.includes(option) && parts) || [""])
        this.found.add(`${option} ${word}`.trim());
    });
  }

  /** A program in bash that is an argument. */
  private inline(option: string, script: string | undefined): void {
    if (/^-\w*c$/.test(option)) this.read(partsOf(treeOf(script ?? "")));
  }

  /** What is asked of monitors (steps/lib/ceph-lib.sh) as words of `ceph`, which takes each argument by its name, too. */
  private monitors([command = "", ...args]: readonly string[]): void {
    const words = args.flatMap((arg) => {
      const [, name = "", isJson, value = ""] = /^(\w+)(:?)=(.*)$/s.exec(arg) ?? [];
      if (name === "" || name === "format") return [];
      const option = `--${name.replaceAll("_", "-")}`;
      if (value === "true" && isJson) return [option];
      const parts = value.startsWith("[") ? (JSON.parse(value) as string[]) : [value];
      return [option, ...parts];
    });
    this.found.add("command python3");
    this.ceph([command, ...words]);
  }

  /** The whole command, without what the program `ceph` takes for itself: what is left its monitors must understand. */
  private ceph(args: readonly string[]): void {
    const words = args.join(" ").replaceAll(everything, unknown).replaceAll(unknown, "*");
    const left = ` ${words} `
      .replaceAll(/ (--connect-timeout|--name|--format|-[io]) \S+(?= )/g, "")
      .trim();
    if (left !== "*") this.found.add(`ceph ${left}`);
  }
}

/**
 * What a script asks of a distribution's programs: `command curl`, `curl --fail`, `openssl x509 -dateopt`, and of Ceph a
 * whole command, such as `ceph osd pool create * 32 --size *`. A `*` is what only the running script knows.
 */
export const commandsOf = (...scripts: readonly string[]): string[] =>
  [...new Commands(scripts).found].sort();

const root = join(__dirname, "../..");

/** What nodes get, as test/golden/contents has it. */
const contents = (name: RegExp) =>
  readdirSync(join(root, "test/golden/contents"), { recursive: true, encoding: "utf8" })
    .filter((path) => name.test(path))
    .map((path) => readFileSync(join(root, "test/golden/contents", path), "utf8"));

/** What a file of systemd asks of it: `unit Service.Restart`. */
export function settingsOf(unit: string): string[] {
  let section = "";
  return unit.split("\n").flatMap((line) => {
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section;
    const setting = /^(\w+)=/.exec(line)?.[1];
    return setting === undefined ? [] : [`unit ${section}.${setting}`];
  });
}

/** The distribution's programs that a file of systemd starts, as lines of a script. */
export const startedBy = (unit: string): string[] =>
  [...unit.matchAll(/^Exec\w+=[-+@!:]*\/(?:usr\/)?s?bin\/((?:.*\\\n)*.*)$/gm)].map(
    ([, line = ""]) => line,
  );

/** What all that nodes get asks of their distribution: programs, their options, settings of systemd, and packages. */
export function asked(): string[] {
  const scripts = [...sources].filter(([name]) => name.endsWith(".sh")).map(([, path]) => path);
  const packages = contents(/prepare\/step\.yaml$/).flatMap((step) =>
    (/^PACKAGES: (.*)$/m.exec(step)?.[1] ?? "").split(" "),
  );
  const units = contents(/\/systemd\/system\/.*\.(conf|service|timer)$/);
  return [
    ...new Set([
      ...commandsOf(
        ...[...scripts, join(root, "status/status.sh")].map((path) => readFileSync(path, "utf8")),
        ...units.flatMap(startedBy),
      ),
      ...units.flatMap(settingsOf),
      // How the masters' library of X.509 reads it.
      "judges kubelet.csr",
      ...packages.filter(Boolean).map((name) => `package ${name}`),
    ]),
  ].sort();
}

if (require.main === module) console.log(asked().join("\n"));
