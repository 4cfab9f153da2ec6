import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { withoutHost } from "../config/ipv4";
import { ClusterConfigError } from "../config/issues";
import { type Asked, askMachines } from "../init/ask";
import { findChecksums } from "../init/checksums";
import { type Key, keysOf } from "../init/keys";
import { fingerprint, parseLogin } from "../init/login";
import type { Login } from "../init/machine";
import { type Proposal, propose } from "../init/propose";
import { judge, renderFile, type Settings } from "../init/render";
import { readSite, withSite } from "../init/site";
import { command, common, main, OperatorError } from "./command";
import { web } from "./web/publishers";

const schema = join(__dirname, "..", "docs", "cluster.schema.json");

export const init = command({
  name: "init",
  about:
    "Looks at machines over SSH and writes a first cluster file, with comments: addresses, host keys, disks, and a role for\n" +
    "each. The first three that are fit become masters; blank disks become OSDs of Ceph. Nothing is written on a machine, and\n" +
    "no file is overwritten. The host keys are shown: compare them with the machines' consoles.",
  arguments: "[USER@]HOST[:PORT]...",
  count: [1, Infinity],
  options: {
    file: { ...common.file, help: "the cluster file to write; default: cluster.yaml" },
    name: {
      type: "string",
      value: "NAME",
      default: "cluster",
      help: "the cluster's name; default: cluster",
    },
    identity: {
      type: "string",
      value: "FILE",
      help: "the private key to log in with; default: those of ssh-agent, or the first of ~/.ssh",
    },
    bastion: {
      type: "string",
      value: "[USER@]HOST[:PORT]",
      help: "a jump host before all machines",
    },
    network: {
      type: "string",
      value: "CIDR",
      help: "the network in which the machines reach each other; default: that of the addresses given",
    },
    site: {
      type: "string",
      value: "FILE",
      help: "a file with settings below `cluster` that all clusters of a site share, such as mirrors, registries and a proxy",
    },
    yes: {
      type: "boolean",
      default: false,
      help: "write without asking whether the host keys are right",
    },
  },
  statuses: { 0: "the file is written", 1: "nothing is written: the host keys were not confirmed" },
  async run({ file, name, identity, bastion, network, site, yes }, machines) {
    if (existsSync(file)) throw exists(file);
    const shared = site === undefined ? undefined : readSite(site);
    const inside = network === undefined ? undefined : cidr(network);
    const logins = machines.map(parseLogin);
    const jump = bastion === undefined ? undefined : parseLogin(bastion);
    const folder = dirname(resolve(file));
    const keys = await keysOf(identity, process.env.SSH_AUTH_SOCK, folder);
    const { asked, key } = await ask(logins, jump, keys);
    if (asked.failures.length > 0) {
      throw new OperatorError([...new Set(asked.failures.map(({ text }) => text))].join("\n"));
    }
    const proposal = propose(asked.machines, inside);
    const nearby = relative(folder, schema);
    const hop = jump && { ...jump, hostKey: asked.bastionKey ?? "" };
    const settings = {
      name,
      privateKeyFile: key.file,
      bastion: hop,
      schema: nearby.startsWith("..") ? undefined : nearby,
    };
    const render = (settings: Settings) => {
      const text = renderFile(proposal, settings);
      return shared === undefined ? text : withSite(text, shared);
    };
    const { issues, unverified } = judge(render(settings), folder);
    if (issues.length > 0) throw new ClusterConfigError(`what would be ${file}`, issues);

    process.stdout.write(overview(proposal, hop));
    if (!yes && !(await confirmed())) return 1;
    const checksums = await findChecksums(unverified, web);
    const text = render({ ...settings, ...(checksums && { checksums }) });
    writeNew(file, text);
    process.stdout.write(
      `${file} is written.${next(file, checksums === undefined ? unverified.length : 0)}\n`,
    );
    return 0;
  },
});

/** Asks with one key after the other, while no machine lets us in with it. */
async function ask(
  logins: readonly Login[],
  bastion: Login | undefined,
  keys: readonly Key[],
): Promise<{ asked: Asked; key: Key }> {
  const path = join(homedir(), ".ssh", "known_hosts");
  const knownHosts = existsSync(path) ? readFileSync(path, "utf8") : "";
  for (const [i, key] of keys.entries()) {
    const asked = await askMachines({ logins, bastion, privateKey: key.privateKey, knownHosts });
    const refused = asked.failures.filter((failure) => failure.refused);
    if (refused.length < logins.length || i === keys.length - 1) return { asked, key };
  }
  throw new Error("there is no key");
}

function overview({ nodes }: Proposal, bastion: (Login & { hostKey: string }) | undefined): string {
  const rows = [
    ...nodes.map(({ name, machine: { host, hostKey }, roles, notes }) => ({
      name,
      host,
      hostKey,
      lines: [roles.join(", "), ...notes.map((note) => `note: ${note}`)],
    })),
    ...(bastion ? [{ name: "the bastion", ...bastion, lines: [] }] : []),
  ];
  const width = (of: (row: (typeof rows)[number]) => string) =>
    Math.max(...rows.map((row) => of(row).length));
  const [names, hosts] = [width(({ name }) => name), width(({ host }) => host)];
  return rows
    .flatMap(({ name, host, hostKey, lines }) => [
      `${name.padEnd(names)}  ${host.padEnd(hosts)}  ${fingerprint(hostKey)} (${hostKey.split(" ")[0]})`,
      ...lines.map((line) => `${" ".repeat(names + hosts + 4)}${line}`),
      "",
    ])
    .slice(0, -1)
    .concat("")
    .join("\n");
}

const compare =
  "Compare each key with the machine's own; on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n";

async function confirmed(): Promise<boolean> {
  process.stdout.write(`\n${compare}`);
  if (!process.stdin.isTTY) {
    process.stdout.write(
      "Nothing is written: there is no terminal to ask on. Compare, and run it again with --yes.\n",
    );
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question("Are these the keys of your machines? [y/N] ");
    if (/^y(es)?$/i.test(answer.trim())) return true;
    process.stdout.write("Nothing is written.\n");
    return false;
  } finally {
    terminal.close();
  }
}

const next = (file: string, unverified: number) =>
  unverified === 0
    ? " Read it; then 'npm run preflight' examines the machines, and 'pulumi preview' shows what 'pulumi up' will do."
    : ` The checksums of ${unverified} downloads are neither in this release, nor do their publishers answer: 'npm run artifacts -- ${file} --fetch' prints them where they do.`;

const exists = (file: string) =>
  new OperatorError(
    `${file} is there already, and is not overwritten; name another with --file FILE`,
  );

function cidr(network: string): string {
  try {
    return withoutHost(network);
  } catch {
    throw new OperatorError(
      `--network ${network} is not an IPv4 network; give an address and a prefix length, such as 10.0.0.0/24`,
    );
  }
}

/** Writes a file as a whole, or not at all where there is one. */
function writeNew(file: string, text: string): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text, { flag: "wx" });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw exists(file);
    throw error;
  } finally {
    rmSync(draft);
  }
}

if (require.main === module) void main(init);
