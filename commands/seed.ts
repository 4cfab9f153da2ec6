import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { loadCluster } from "../config/load";
import type { CallPlan, ClusterPlan, NodePlan } from "../config/plan";
import { publicLine } from "../config/privateKey";
import { callFiles } from "../steps/call";
import { command, common, main, OperatorError } from "./command";

const formats = ["cloud-init", "script"] as const;

export const seed = command({
  name: "seed",
  about:
    "Prints what a machine needs that nobody dials (via: call in the file), so that it calls at every start until it is let in: whom\n" +
    "it calls, their host keys, and the public key of whoever operates it. Nothing in it is secret, unless it brings a host key.",
  arguments: "NODE",
  count: [1, 1],
  options: {
    file: common.file,
    format: {
      type: "string",
      value: "FORMAT",
      default: "cloud-init",
      help: "cloud-init: user data; script: for a machine at hand, run there as root; default: cloud-init",
    },
    "host-key": {
      type: "string",
      value: "FILE",
      help: "the private key of the node's host_key, for a machine that has none yet; then keep what is printed secret",
    },
  },
  statuses: { 0: "it is printed" },
  async run({ file, format, "host-key": hostKeyFile }, [name = ""]) {
    if (!formats.some((known) => known === format))
      throw new OperatorError(
        `--format ${format} is not known; give one of ${formats.join(" and ")}`,
      );
    const plan = loadCluster(file);
    const { node, calls } = chosen(plan, name, file);
    const hostKey = hostKeyFile === undefined ? undefined : privateHostKey(hostKeyFile, node);
    const parts: Parts = { node, calls, operator: operatorKey(node), hostKey };
    process.stdout.write(format === "script" ? script(parts) : cloudInit(parts));
    return Promise.resolve(0);
  },
});

interface Parts {
  readonly node: NodePlan;
  readonly calls: CallPlan;
  /** Line of the public key that may log in; absent: an agent has it. */
  readonly operator: string | undefined;
  /** Private; absent: the machine has it. */
  readonly hostKey: string | undefined;
}

function chosen({ nodes }: ClusterPlan, name: string, file: string) {
  const node = nodes.find((node) => node.name === name);
  if (node?.calls) return { node, calls: node.calls };
  const calling = nodes.flatMap(({ name, calls }) => (calls ? [name] : [])).join(", ") || "none";
  throw new OperatorError(
    node
      ? `${name} is dialled, and needs no seed; with via: call in its entry it calls`
      : `${name}: no such node; of ${file} these call: ${calling}`,
  );
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

const units = ({ services }: CallPlan) => services.map(({ name }) => `groundwork-join@${name}`);

function cloudInit({ node, calls, operator, hostKey }: Parts): string {
  const { user } = node.ssh;
  const keys = operator === undefined ? {} : { ssh_authorized_keys: [operator] };
  const type = keyType(node);
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
    write_files: callFiles(calls).map(({ path, mode, content }) => ({
      path,
      permissions: mode,
      content,
    })),
    runcmd: [
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", ...units(calls)],
    ],
  };
  return `#cloud-config\n${stringify(data, { lineWidth: 0 })}`;
}

const end = "END-OF-SEED";

function script({ node, calls, operator, hostKey }: Parts): string {
  const put = (path: string, mode: string, text = "") =>
    `install -d "$(dirname ${path})"\n(umask 077; cat >${path}) <<'${end}'\n${text.endsWith("\n") ? text : `${text}\n`}${end}\nchmod ${mode} ${path}\n`;
  const { user } = node.ssh;
  const key = `/etc/ssh/ssh_host_${keyType(node)}_key`;
  return [
    `#!/bin/sh\n# The machine calls, and is let in as ${node.name}. Run it there as root.\nset -eu\n`,
    hostKey === undefined
      ? ""
      : `${put(key, "0600", hostKey)}${put(`${key}.pub`, "0644", node.ssh.hostKey)}systemctl try-restart ssh sshd 2>/dev/null || true\n`,
    operator === undefined
      ? ""
      : `home=$(getent passwd ${user} | cut -d: -f6)\ninstall -d -m 0700 -o ${user} "$home/.ssh"\n` +
        `grep -qxF '${operator}' "$home/.ssh/authorized_keys" 2>/dev/null || printf '%s\\n' '${operator}' >>"$home/.ssh/authorized_keys"\n` +
        `chown ${user} "$home/.ssh/authorized_keys"\nchmod 0600 "$home/.ssh/authorized_keys"\n`,
    ...callFiles(calls).map(({ path, mode, content }) =>
      put(path, mode ?? "0600", content as string),
    ),
    `systemctl daemon-reload\nsystemctl enable --now ${units(calls).join(" ")}\n`,
  ].join("");
}

if (require.main === module) void main(seed);
