import type { CallPlan, NodePlan, SshTarget } from "../config/plan";

/** What is wrong with a connection. */
export type Trouble =
  /** It shows another host key. */
  | "stranger"
  /** It takes none of our keys for this user. */
  | "refused"
  /** It was shown so many keys that it hung up. */
  | "keys"
  /** The agent, on our side, does not answer. */
  | "agent"
  /** It is a bastion that forwards nothing, or not there. */
  | "forwarding"
  /** The bastion before it does not reach it. */
  | "behind"
  /** Its name is not known. */
  | "name"
  /** Nobody listens. */
  | "closed"
  /** There is no way to it. */
  | "unreachable"
  /** Nobody answers. */
  | "silent"
  /** It takes connections, and says nothing. */
  | "hangs"
  /** It knows none of our key exchanges, ciphers or message authentication codes. */
  | Algorithm
  /** It has no host key of the type that is pinned. */
  | "keyType"
  /** It takes no key, or not a key alone. */
  | "factor"
  /** It hangs up before anybody is let in. */
  | "cut";

export type Algorithm = "kex" | "cipher" | "mac";

/** The setting of a server that has it so, and what it may have there that both of our SSH clients know. */
const settings: Readonly<Record<Algorithm, readonly [string, string]>> = {
  kex: ["KexAlgorithms", "curve25519-sha256"],
  cipher: ["Ciphers", "aes256-gcm@openssh.com"],
  mac: ["MACs", "hmac-sha2-256-etm@openssh.com"],
};

/** What to do where a server and we have nothing in common: a sentence without its end. */
export function addAlgorithm(algorithm: Algorithm): string {
  const [setting, value] = settings[algorithm];
  return `add ${value} to ${setting} in its sshd_config, or in its crypto policy, and reload its sshd`;
}

/** Who does not let us in: a node, or the bastion before it. */
export interface Door {
  /** `worker-01`, `the bastion of worker-01`. */
  readonly name: string;
  readonly ssh: Omit<SshTarget, "bastion" | "sudoPassword">;
  /** Where the file has its settings. */
  readonly fields: string;
  /** Where the file has its host key. */
  readonly keyField: string;
  /** The node behind it, of a bastion. */
  readonly behind?: string;
}

/** The door of a node, or of the bastion before it. */
export function doorOf({ name, ssh }: NodePlan, atBastion: boolean): Door {
  const { bastion } = ssh;
  if (!atBastion || bastion === undefined)
    return { name, ssh, fields: "ssh", keyField: `${name}'s host_key` };
  return {
    name: `the bastion of ${name}`,
    ssh: bastion,
    fields: "ssh.bastion",
    keyField: "ssh.bastion.host_key",
    behind: `${name} (${ssh.host}:${ssh.port})`,
  };
}

const nothingInCommon =
  (algorithm: Algorithm) =>
  ({ name, ssh }: Door): string =>
    `${name} (${ssh.host}:${ssh.port}) has none of its ${settings[algorithm][0]} in common with our SSH clients\n` +
    `  what to do: ${addAlgorithm(algorithm)}.`;

/** Who it is and what is wrong; what an operator can do. */
const remedies: Readonly<Record<Trouble, (door: Door) => string>> = {
  stranger: ({ name, ssh, keyField }) =>
    `${name} (${ssh.host}) shows another host key than the one in the file. If the machine was reinstalled, compare its key ` +
    `on its console (/etc/ssh/ssh_host_ed25519_key.pub) and put it into ${keyField}; if it was not, ` +
    `somebody may stand between you and the machine: do not go on.`,
  refused: ({ name, ssh, fields }) =>
    `${name} (${ssh.host}) does not let user ${ssh.user} in. Check ${fields}.user and ${fields}.private_key_file (or the agent), ` +
    `that the public key is in the machine's authorized_keys, and that the user and its shell are there; what it ` +
    `holds against the user stands in the journal of its sshd.`,
  keys: ({ name, ssh, fields }) =>
    `${name} (${ssh.host}) hung up on user ${ssh.user}: it was shown more keys than it looks at (MaxAuthTries). ` +
    `Take keys out of the agent (ssh-add -l, ssh-add -d), or give ${fields}.private_key_file and run without SSH_AUTH_SOCK.`,
  agent: ({ name }) =>
    `The SSH agent does not answer, so that nobody logs in to ${name}: SSH_AUTH_SOCK names a socket that is gone. ` +
    `Start an agent and set it, or unset it if the file has keys.`,
  forwarding: ({ name, ssh, behind = "the node" }) =>
    `${name} (${ssh.host}) does not forward to ${behind}. Set 'AllowTcpForwarding yes' for user ${ssh.user} in its ` +
    `sshd_config, see that no PermitOpen and no restrict in authorized_keys leaves the node out, and reload its sshd.`,
  behind: ({ name, ssh, behind = "the node" }) =>
    `${behind} does not answer over SSH: its bastion (${ssh.host}) does not reach it. Check that the machine is on and its sshd runs, that its ` +
    `address and port in the file are right as seen from there, and that no firewall stands between ${name} and it.`,
  name: ({ name, ssh, fields }) =>
    `${name} is not found: no name server of this machine knows ${ssh.host}. Check ${fields}.host in the file, or give its address.`,
  closed: ({ name, ssh }) =>
    `${name} (${ssh.host}:${ssh.port}) does not answer over SSH: the machine is there, and nobody listens on that port. ` +
    `Check the port in the file, and that sshd runs; then run 'pulumi up' again.`,
  unreachable: ({ name, ssh }) =>
    `${name} (${ssh.host}:${ssh.port}) does not answer over SSH: there is no way to its network, or the machine is off. Check ` +
    `this machine's routes (or VPN), and its address in the file; if only a jump host reaches it, give ssh.bastion.`,
  silent: ({ name, ssh }) =>
    `${name} (${ssh.host}:${ssh.port}) does not answer over SSH. Check that the machine is on, that its address and port in ` +
    `the file are right, and that sshd runs; then run 'pulumi up' again.`,
  hangs: ({ name, ssh, behind }) =>
    `${name} (${ssh.host}:${ssh.port}) hangs: it takes connections, and its SSH server says nothing\n  what to do: ` +
    `restart the machine, then run 'pulumi up' again` +
    (behind === undefined ? "; if it does not come back, set lost: true" : ""),
  kex: nothingInCommon("kex"),
  cipher: nothingInCommon("cipher"),
  mac: nothingInCommon("mac"),
  keyType: ({ name, ssh, keyField }) =>
    `${name} (${ssh.host}:${ssh.port}) has no host key of the type ${ssh.hostKey.split(" ")[0]}, as the file has it. Compare one that it ` +
    `has on its console (/etc/ssh/ssh_host_*_key.pub; HostKey and HostKeyAlgorithms in its sshd_config), and put it into ${keyField}.`,
  factor: ({ name, ssh }) =>
    `${name} (${ssh.host}) wants more of user ${ssh.user} than a key, or no key at all: a password or a code, for which a step ` +
    `can ask nobody. Let the user in with a key alone: 'Match User ${ssh.user}' with 'PubkeyAuthentication yes' and ` +
    `'AuthenticationMethods publickey' in its sshd_config, and reload its sshd; or take a user who may.`,
  cut: ({ name, ssh }) =>
    `${name} (${ssh.host}:${ssh.port}) hangs up before it asks who we are. Its sshd may have too many who log in (MaxStartups) ` +
    `or hold failed logins against this address (PerSourcePenalties: wait ten minutes), or a firewall or another program ` +
    `answers on that port; its sshd's journal says which.`,
};

/** What to do about a trouble. */
export const remedyOf = (trouble: Trouble, node: NodePlan, atBastion = false): string =>
  node.calls && !atBastion && (trouble === "behind" || trouble === "closed")
    ? hasNotCalled(node, node.calls)
    : remedies[trouble](doorOf(node, atBastion || trouble === "behind"));

/** Of a node that calls nobody is at the place where it answers then. */
function hasNotCalled({ name, ssh }: NodePlan, { services, minutes }: CallPlan): string {
  const taken =
    ssh.bastion === undefined
      ? `npm run join-service, which has to run on this machine, tells who called and was refused`
      : `'journalctl -u groundwork-join-service' on ${services.map(({ name }) => name).join(", ")} tells who called and was refused`;
  return (
    `${name} has not called${minutes > 0 ? ` within ${minutes} minutes` : ""}, and nobody dials it\n` +
    `  what to do: switch the machine on; ${taken}, and 'journalctl -u "groundwork-join@*"' on its console why it does not come through. ` +
    `It calls ${services.map(({ host, port }) => `${host}:${port}`).join(", ")} with the host key of the file; what it needs for that 'npm run seed -- ${name}' makes. ` +
    `If it is gone for good, set lost: true. Then run 'pulumi up' again`
  );
}
