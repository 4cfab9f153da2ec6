import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pathOf } from "./operatorFile";

/** What ssh_config(5) says of a host, as far as it is read. */
export interface HostSettings {
  /** Whether a line names the host, other than by `*`. */
  readonly named: boolean;
  readonly hostname?: string;
  readonly port?: number;
  readonly user?: string;
  readonly identityFile?: string;
  /** Jump hosts in a row, `[user@]host[:port]` each. */
  readonly jumps: readonly string[];
  /** Lines of known_hosts that are the host's. */
  readonly knownHosts: string;
}

/** A line of Host or Match, which says for whom the lines behind it hold. */
interface Block {
  readonly keyword: "host" | "match";
  readonly words: readonly string[];
}

interface Line {
  readonly keyword: string;
  readonly words: readonly string[];
  /** All that have to hold for it: its own, and those around each Include on the way to it. */
  readonly within: readonly Block[];
}

/** What cannot be known from the file: the end of a sentence, with the remedy. */
export class SshConfigError extends Error {}

/**
 * A file as `~/.ssh/config`, with what it includes.
 * @throws SshConfigError when it cannot be read
 */
export class SshConfig {
  private readonly lines: readonly Line[];

  constructor(file: string, baseDir: string) {
    this.lines = readLines(pathOf(file, baseDir), []);
  }

  /**
   * What holds for a host; of each keyword the first line counts.
   * @throws SshConfigError when the host is reached in a way that only ssh itself knows
   */
  settings(host: string): HostSettings {
    const first = new Map<string, readonly string[]>();
    let named = false;
    for (const { keyword, words, within } of this.lines) {
      if (!within.every((block) => holds(block, host))) continue;
      if (keyword === "host") named ||= words.join() !== "*";
      else if (!first.has(keyword)) first.set(keyword, words);
    }
    const one = (keyword: string) => first.get(keyword)?.[0];
    const command = one("proxycommand");
    if (command !== undefined && command !== "none" && !first.has("proxyjump"))
      throw new SshConfigError(
        `has a ProxyCommand for ${host}, and steps cannot run it; give ProxyJump instead, or ssh.bastion in the cluster file`,
      );
    const port = one("port");
    const hostname = one("hostname")?.replaceAll("%h", host);
    const tokens = { d: homedir(), h: hostname ?? host, r: one("user") ?? "root" };
    const expand = (path: string) =>
      path.replace(/%([dhr])/g, (_, token: "d" | "h" | "r") => tokens[token]);
    const identity = one("identityfile");
    const jumps = one("proxyjump");
    const known = first.get("userknownhostsfile") ?? ["~/.ssh/known_hosts"];
    const user = one("user");
    return {
      named,
      ...(hostname !== undefined && { hostname }),
      ...(port !== undefined && { port: Number(port) }),
      ...(user !== undefined && { user }),
      ...(identity !== undefined && identity !== "none" && { identityFile: expand(identity) }),
      jumps: jumps === undefined || jumps === "none" ? [] : jumps.split(","),
      knownHosts: linesOf(
        known.map((path) => pathOf(expand(path), homedir())),
        one("hostkeyalias") ?? knownAs({ host: hostname ?? host, port: Number(port ?? 22) }),
      ),
    };
  }
}

/** @param outer the blocks around the Include that leads to the file; empty: it is the first */
function readLines(path: string, outer: readonly Block[], depth = 0): Line[] {
  if (depth > 16) throw new SshConfigError("includes itself; take that Include out");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SshConfigError(
      `cannot be read (that is ${path}): ${code}; give a file in the form of ~/.ssh/config`,
    );
  }
  let within = outer;
  return text.split("\n").flatMap((line) => {
    const [, name = "", rest = ""] = /^\s*([A-Za-z]+)\s*[=\s]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === "") return [];
    const keyword = name.toLowerCase();
    const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, word]) => quoted ?? word ?? "",
    );
    if (keyword === "include")
      return words
        .flatMap((pattern) => filesOf(pathOf(pattern, join(homedir(), ".ssh"))))
        .flatMap((file) => readLines(file, within, depth + 1));
    if (keyword === "host" || keyword === "match") within = [...outer, { keyword, words }];
    return [{ keyword, words, within }];
  });
}

function filesOf(path: string): string[] {
  if (!/[*?]/.test(path)) return [path];
  try {
    return readdirSync(dirname(path))
      .filter((name) => fits(basename(path), name) && !name.startsWith("."))
      .sort()
      .map((name) => join(dirname(path), name));
  } catch {
    return [];
  }
}

/** Whether a text is as a pattern with `*` and `?` says. Only the last star is tried anew: many take no longer. */
function fits(pattern: string, text: string): boolean {
  let [at, star, from] = [0, -1, 0];
  for (let i = 0; i < text.length;) {
    if (pattern[at] === "*") [star, from] = [at++, i];
    else if (pattern[at] === "?" || pattern[at] === text[i]) [at, i] = [at + 1, i + 1];
    else if (star >= 0) [at, i] = [star + 1, ++from];
    else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

const holds = ({ keyword, words }: Block, host: string) =>
  keyword === "host" ? matches(words, host) : matchHolds(words, host);

function matches(patterns: readonly string[], host: string): boolean {
  const says = (pattern: string) => fits(pattern, host);
  if (patterns.some((pattern) => pattern.startsWith("!") && says(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && says(pattern));
}

/** Whether a Match holds; one that asks for more than the name never does. */
function matchHolds(words: readonly string[], host: string): boolean {
  const [kind = "", patterns = ""] = words;
  if (kind.toLowerCase() === "all") return true;
  return (
    words.length === 2 && /^(original)?host$/i.test(kind) && matches(patterns.split(","), host)
  );
}

/** By what known_hosts has a host at its port. */
export const knownAs = ({ host, port }: { readonly host: string; readonly port: number }) =>
  port === 22 ? host : `[${host}]:${port}`;

function linesOf(files: readonly string[], name: string): string {
  return files
    .flatMap((file) => {
      try {
        return readFileSync(file, "utf8").split("\n");
      } catch {
        return [];
      }
    })
    .filter((line) => !line.startsWith("#") && !line.startsWith("@"))
    .filter((line) => isNamed(line.split(/\s/)[0] ?? "", name))
    .join("\n");
}

/** Whether the names that begin a line of known_hosts are also this one's. They may be kept as a hash: `|1|SALT|HMAC`. */
export function isNamed(names: string, name: string): boolean {
  const [, kind, salt = "", digest] = names.split("|");
  if (kind !== "1") return matches(names.split(","), name);
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === digest;
}
