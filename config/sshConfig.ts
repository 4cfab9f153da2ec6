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

interface Line {
  readonly keyword: string;
  readonly words: readonly string[];
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
    this.lines = readLines(pathOf(file, baseDir), 0);
  }

  /**
   * What holds for a host; of each keyword the first line counts.
   * @throws SshConfigError when the host is reached in a way that only ssh itself knows
   */
  settings(host: string): HostSettings {
    const first = new Map<string, readonly string[]>();
    let holds = true;
    let named = false;
    for (const { keyword, words } of this.lines) {
      if (keyword === "host") {
        holds = matches(words, host);
        named ||= holds && words.join() !== "*";
      } else if (keyword === "match") holds = matchHolds(words, host);
      else if (holds && !first.has(keyword)) first.set(keyword, words);
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
        one("hostkeyalias") ?? knownAs(hostname ?? host, Number(port ?? 22)),
      ),
    };
  }
}

function readLines(path: string, depth: number): Line[] {
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
  return text.split("\n").flatMap((line) => {
    const [, keyword = "", rest = ""] = /^\s*([A-Za-z]+)\s*[=\s]\s*(.*?)\s*$/.exec(line) ?? [];
    if (keyword === "") return [];
    const words = [...rest.matchAll(/"([^"]*)"|(\S+)/g)].map(
      ([, quoted, word]) => quoted ?? word ?? "",
    );
    if (keyword.toLowerCase() !== "include") return [{ keyword: keyword.toLowerCase(), words }];
    // An included file may end within a block of its own: what follows belongs to the block before.
    const block = blockOf(text, line);
    return [
      ...words
        .flatMap((pattern) => filesOf(pathOf(pattern, join(homedir(), ".ssh"))))
        .flatMap((file) => [...block, ...readLines(file, depth + 1)]),
      ...block,
    ];
  });
}

/** The line that begins the block in which an Include stands. */
function blockOf(text: string, line: string): Line[] {
  const before = text.slice(0, text.indexOf(line)).split("\n").reverse();
  const begins = before.find((one) => /^\s*(Host|Match)[\s=]/i.test(one));
  const [keyword = "host", ...words] = (begins ?? "host *").trim().split(/[\s=]+/);
  return [{ keyword: keyword.toLowerCase(), words }];
}

function filesOf(path: string): string[] {
  if (!/[*?]/.test(path)) return [path];
  const pattern = patternOf(basename(path));
  try {
    return readdirSync(dirname(path))
      .filter((name) => pattern.test(name) && !name.startsWith("."))
      .sort()
      .map((name) => join(dirname(path), name));
  } catch {
    return [];
  }
}

const patternOf = (glob: string) =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );

function matches(patterns: readonly string[], host: string): boolean {
  const says = (pattern: string) => patternOf(pattern).test(host);
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

const knownAs = (host: string, port: number) => (port === 22 ? host : `[${host}]:${port}`);

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

function isNamed(names: string, name: string): boolean {
  const [, kind, salt = "", digest] = names.split("|");
  if (kind !== "1") return matches(names.split(","), name);
  return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === digest;
}
