import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { loadCluster } from "../config/load";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { publicLine } from "../config/privateKey";
import { callFiles } from "../steps/call";
import { command, common, main, OperatorError } from "./command";

/** How a machine reads what it starts with. */
const formats = { "cloud-init": cloudInit, ignition, script } as const;
const names = Object.keys(formats);

export const seed = command({
  name: "seed",
  about:
    "Prints what a machine needs at its first start: the public key of whoever operates it, its host key where it is given, and for one\n" +
    "that nobody dials (via: call in the file) whom it calls, and their host keys, so that it calls at every start until it is let\n" +
    "in. Nothing in it is secret, unless it brings a host key.",
  arguments: "NODE",
  count: [1, 1],
  options: {
    file: common.file,
    format: {
      type: "string",
      value: "FORMAT",
      default: "cloud-init",
      help: "cloud-init: user data; ignition: a configuration; script: for a machine at hand, run there as root; default: cloud-init",
    },
    "host-key": {
      type: "string",
      value: "FILE",
      help: "the private key of the node's host_key, for a machine that has none yet; then keep what is printed secret",
    },
  },
  statuses: { 0: "it is printed" },
  async run({ file, format, "host-key": hostKeyFile }, [name = ""]) {
    if (!Object.hasOwn(formats, format))
      throw new OperatorError(`--format ${format} is not known; give one of ${names.join(", ")}`);
    const node = chosen(loadCluster(file), name, file);
    const hostKey = hostKeyFile === undefined ? undefined : privateHostKey(hostKeyFile, node);
    const parts: Parts = { node, operator: operatorKey(node), hostKey };
    process.stdout.write(formats[format as keyof typeof formats](parts));
    return Promise.resolve(0);
  },
});

interface Parts {
  readonly node: NodePlan;
  /** Line of the public key that may log in; absent: an agent has it. */
  readonly operator: string | undefined;
  /** Private; absent: the machine has it. */
  readonly hostKey: string | undefined;
}

function chosen({ nodes }: ClusterPlan, name: string, file: string): NodePlan {
  const node = nodes.find((node) => node.name === name);
  if (node) return node;
  const known = nodes.map(({ name }) => name).join(", ");
  throw new OperatorError(`${name}: no such node; of ${file} these are managed: ${known}`);
}

const operatorKey = ({ ssh }: NodePlan) => {
  const line = ssh.privateKey === undefined ? undefined : publicLine(ssh.privateKey);
  return line === undefined ? undefined : `${line} groundwork`;
};

function privateHostKey(file: string, { name, ssh }: NodePlan): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new OperatorError(`${file} cannot be read: ${(error as Error).message}`);
  }
  const line = publicLine(text);
  if (line !== ssh.hostKey)
    throw new OperatorError(
      line === undefined
        ? `${file} is not a private key without passphrase; make one with 'ssh-keygen -t ed25519 -N "" -f ${file}'`
        : `${file} is the key ${line}, and the host_key of ${name} is another; put the line of ${file}.pub there, or give the file of the other`,
    );
  return text;
}

/** Of the node's host key, as file names have it. */
const keyType = ({ ssh }: NodePlan) =>
  ssh.hostKey.startsWith("ssh-ed25519 ") ? "ed25519" : "ecdsa";

const filesOf = ({ calls }: NodePlan) => (calls ? callFiles(calls) : []);
const units = ({ calls }: NodePlan) =>
  calls ? calls.services.map(({ name }) => `groundwork-join@${name}`) : [];

/** Where the host key lies on the machine. */
const hostKeyPath = (node: NodePlan) => `/etc/ssh/ssh_host_${keyType(node)}_key`;

function cloudInit({ node, operator, hostKey }: Parts): string {
  const { user } = node.ssh;
  const keys = operator === undefined ? {} : { ssh_authorized_keys: [operator] };
  const type = keyType(node);
  const files = filesOf(node);
  const data = {
    ...(user === "root" ? { disable_root: false } : {}),
    users: [
      "default",
      {
        name: user,
        ...(user === "root"
          ? {}
          : { shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", lock_passwd: true }),
        ...keys,
      },
    ],
    ...(hostKey === undefined
      ? {}
      : {
          ssh_deletekeys: true,
          ssh_keys: { [`${type}_private`]: hostKey, [`${type}_public`]: node.ssh.hostKey },
        }),
    ...(files.length === 0
      ? {}
      : {
          write_files: files.map(({ path, mode, content }) => ({
            path,
            permissions: mode,
            content,
          })),
          runcmd: [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", ...units(node)],
          ],
        }),
  };
  return `#cloud-config\n${stringify(data, { lineWidth: 0 })}`;
}

/** Version 3.3.0 of Ignition's configuration, which all that read 3.x in use take. */
function ignition({ node, operator, hostKey }: Parts): string {
  const { user } = node.ssh;
  const put = (path: string, mode: number, text: string) => ({
    path,
    mode,
    overwrite: true,
    contents: { source: `data:;base64,${Buffer.from(text).toString("base64")}` },
  });
  const isUnit = ({ path }: { path: string }) => path.startsWith("/etc/systemd/system/");
  const called = filesOf(node);
  const files = [
    ...(hostKey === undefined
      ? []
      : [
          put(hostKeyPath(node), 0o600, hostKey),
          put(`${hostKeyPath(node)}.pub`, 0o644, `${node.ssh.hostKey}\n`),
        ]),
    ...(user === "root"
      ? []
      : [put("/etc/sudoers.d/groundwork", 0o440, `${user} ALL=(ALL) NOPASSWD:ALL\n`)]),
    ...called
      .filter((file) => !isUnit(file))
      .map(({ path, mode = "0600", content }) => put(path, parseInt(mode, 8), content as string)),
  ];
  const keys = operator === undefined ? {} : { sshAuthorizedKeys: [operator] };
  const config = {
    ignition: { version: "3.3.0" },
    passwd: {
      users: [{ name: user, ...(user === "root" ? {} : { shell: "/bin/bash" }), ...keys }],
    },
    storage: { files },
    systemd: {
      units: [
        ...called
          .filter(isUnit)
          .map(({ path, content }) => ({ name: path.split("/").at(-1), contents: content })),
        ...units(node).map((unit) => ({ name: `${unit}.service`, enabled: true })),
      ],
    },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

const end = "END-OF-SEED";

function script({ node, operator, hostKey }: Parts): string {
  const put = (path: string, mode: string, text = "") =>
    `install -d "$(dirname ${path})"\n(umask 077; cat >${path}) <<'${end}'\n${text.endsWith("\n") ? text : `${text}\n`}${end}\nchmod ${mode} ${path}\n`;
  const { user } = node.ssh;
  const key = hostKeyPath(node);
  const starts = units(node);
  return [
    `#!/bin/sh\n# The machine ${starts.length > 0 ? "calls, and " : ""}is let in as ${node.name}. Run it there as root.\nset -eu\n`,
    hostKey === undefined
      ? ""
      : `${put(key, "0600", hostKey)}${put(`${key}.pub`, "0644", node.ssh.hostKey)}systemctl try-restart ssh sshd 2>/dev/null || true\n`,
    operator === undefined
      ? ""
      : `home=$(getent passwd ${user} | cut -d: -f6)\ninstall -d -m 0700 -o ${user} "$home/.ssh"\n` +
        `grep -qxF '${operator}' "$home/.ssh/authorized_keys" 2>/dev/null || printf '%s\\n' '${operator}' >>"$home/.ssh/authorized_keys"\n` +
        `chown ${user} "$home/.ssh/authorized_keys"\nchmod 0600 "$home/.ssh/authorized_keys"\n`,
    ...filesOf(node).map(({ path, mode, content }) => put(path, mode ?? "0600", content as string)),
    starts.length === 0
      ? ""
      : `systemctl daemon-reload\nsystemctl enable --now ${starts.join(" ")}\n`,
  ].join("");
}

if (require.main === module) void main(seed);
