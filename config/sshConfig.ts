import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { basename, dirname, join, matchesGlob } from "node:path";
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
    const one = (keyword: string) => first.get(keyword)?.[0];
    const name = () =>
      one("hostname")?.replaceAll(/%([h%])/g, (_, of) => (of === "h" ? host : "%"));
    let named = false;
    for (const final of [false, true]) {
      const asked = { host, final, name: () => name() ?? host, user: () => one("user") };
      // Each is asked where it stands: what comes behind may change what it asks for.
      const held = new Map<Block, boolean>();
      const does = (block: Block) => {
        const is = held.get(block) ?? holds(block, asked);
        held.set(block, is);
        return is;
      };
      for (const { keyword, words, within } of this.lines) {
        if (!within.every(does)) continue;
        if (keyword === "host") named ||= words.join() !== "*";
        // Of the two ways through another host the first counts.
        const other = keyword === "proxycommand" && !isNone(one("proxyjump"));
        if (other || (keyword === "proxyjump" && first.has("proxycommand"))) continue;
        if (!first.has(keyword)) first.set(keyword, words);
      }
      if (!this.lines.some(asksAgain)) break;
    }
    if (!isNone(one("proxycommand")))
      throw new SshConfigError(
        `has a ProxyCommand for ${host}, and steps cannot run it; give ProxyJump instead, or ssh.bastion in the cluster file`,
      );
    const port = one("port");
    const hostname = name();
    const tokens: Readonly<Record<string, string>> = {
      ...{ "%": "%", d: homedir(), h: hostname ?? host, n: host, p: port ?? "22" },
      ...{ r: one("user") ?? "root", u: userInfo().username },
    };
    const expand = (path: string) =>
      withVariables(path).replace(/%([%dhnpru])/g, (_, token: string) => tokens[token] ?? "");
    const identity = one("identityfile");
    const jumps = one("proxyjump");
    const known = first.get("userknownhostsfile") ?? ["~/.ssh/known_hosts"];
    const user = one("user");
    return {
      named,
      ...(hostname !== undefined && { hostname }),
      ...(port !== undefined && { port: Number(port) }),
      ...(user !== undefined && { user }),
      ...(identity !== undefined && !isNone(identity) && { identityFile: expand(identity) }),
      jumps: jumps === undefined || isNone(jumps) ? [] : jumps.split(","),
      knownHosts: linesOf(
        known.map((path) => pathOf(expand(path), homedir())),
        one("hostkeyalias") ?? knownAs({ host: hostname ?? host, port: Number(port ?? 22) }),
      ),
    };
  }
}

const isNone = (word = "none") => word.toLowerCase() === "none";

/** Whether ssh reads the file a second time for a line: it asks for what holds then. */
const asksAgain = ({ keyword, words }: Line) =>
  keyword === "match" && words.some((word) => /^!?final$/i.test(word));

/** A path with whose it is for `${HOME}` and `${USER}`: nothing else of the environment is a cluster's business. */
function withVariables(path: string): string {
  const known: Readonly<Record<string, string>> = { HOME: homedir(), USER: userInfo().username };
  return path.replace(/\$\{(\w+)\}/g, (written, name: string) => known[name] ?? written);
}

/** @param outer the blocks around the Include that leads to the file; empty: it is the first */
function readLines(path: string, outer: readonly Block[], depth = 0): Line[] {
  if (depth > 16) throw new SshConfigError("includes itself; take that Include out");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // ssh, too, goes on without what an Include does not find.
    if (depth > 0 && ["ENOENT", "ENOTDIR", "EISDIR"].includes(code)) return [];
    throw new SshConfigError(
      `cannot be read (that is ${path}): ${code}; give a file in the form of ~/.ssh/config`,
    );
  }
  let within = outer;
  return text.split("\n").flatMap((line) => {
    const [, name = "", rest = ""] = /^\s*([A-Za-z]+)\s*[=\s]\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === "") return [];
    const keyword = name.toLowerCase();
    const words = wordsOf(rest);
    if (keyword === "include")
      return words
        .flatMap((pattern) => filesOf(pathOf(withVariables(pattern), join(homedir(), ".ssh"))))
        .flatMap((file) => readLines(file, within, depth + 1));
    if (keyword === "host" || keyword === "match") within = [...outer, { keyword, words }];
    return [{ keyword, words, within }];
  });
}

/** Words of a line, in quotes or not, up to a comment. */
function wordsOf(text: string): string[] {
  const words = [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)];
  const comment = words.findIndex(([whole]) => whole.startsWith("#"));
  return words
    .slice(0, comment < 0 ? undefined : comment)
    .map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}

/** The files that a path leads to, which may have `*`, `?` and `[...]` in each of its folders. */
function filesOf(path: string): string[] {
  if (!/[*?[]/.test(path)) return [path];
  const last = basename(path);
  return filesOf(dirname(path)).flatMap((folder) => {
    if (!/[*?[]/.test(last)) return [join(folder, last)];
    try {
      return readdirSync(folder)
        .filter(
          (name) => matchesGlob(name, last) && (last.startsWith(".") || !name.startsWith(".")),
        )
        .sort()
        .map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
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

/** What Host and Match ask for, as far as it is known where they stand. */
interface Asked {
  readonly host: string;
  /** Whether the file is read a second time. */
  readonly final: boolean;
  readonly name: () => string;
  readonly user: () => string | undefined;
}

const holds = ({ keyword, words }: Block, asked: Asked) =>
  keyword === "host" ? matches(words, asked.host) : matchHolds(words, asked);

function matches(patterns: readonly string[], host: string): boolean {
  const says = (pattern: string) => fits(pattern, host);
  if (patterns.some((pattern) => pattern.startsWith("!") && says(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && says(pattern));
}

/** Whether a Match holds; one that asks for what only ssh can tell never does, and neither does one for its contrary. */
function matchHolds(words: readonly string[], { host, final, name, user }: Asked): boolean {
  const local = userInfo().username;
  const rest = words.flatMap((word) => word.split("=", 2));
  while (rest.length > 0) {
    const [, not = "", kind = ""] = /^(!?)(.*)$/.exec(rest.shift() ?? "") ?? [];
    const fitting = (text: string, lower = (word: string) => word) =>
      matches(lower(rest.shift() ?? "").split(","), lower(text));
    const is = {
      all: () => true,
      canonical: () => final,
      final: () => final,
      host: () => fitting(name(), (word) => word.toLowerCase()),
      originalhost: () => fitting(host, (word) => word.toLowerCase()),
      user: () => fitting(user() ?? local),
      localuser: () => fitting(local),
    }[kind.toLowerCase()];
    if (is === undefined || is() === (not !== "")) return false;
  }
  return true;
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
