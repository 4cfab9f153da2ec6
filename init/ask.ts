import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SshTarget } from "../config/plan";
import { knownAs } from "../config/sshConfig";
import { DialError, Dialer } from "../ssh/dial";
import { addAlgorithm, type Trouble } from "../ssh/remedies";
import { printable, readReport } from "../ssh/report";
import { runAsRoot } from "../ssh/run";
import { judgeKnown } from "./knownHosts";
import { facts, type Login, type Machine } from "./machine";

/** What is wrong, and whether it is the key to log in with that is. */
export interface Failure {
  readonly text: string;
  readonly refused: boolean;
}

export interface Asked {
  readonly machines: readonly Machine[];
  readonly failures: readonly Failure[];
  /** The key of the bastion, where there is one that showed it. */
  readonly bastionKey: string | undefined;
}

export interface Ways {
  readonly logins: readonly Login[];
  readonly bastion: Login | undefined;
  /** Absent: the agent has the keys. */
  readonly privateKey: string | undefined;
  /** The operator's own known_hosts. */
  readonly knownHosts: string;
}

const script = readFileSync(join(__dirname, "inspect.sh"), "utf8");

/** Seconds; a machine that is far and has many disks takes some. */
const patience = { connect: 10, ready: 10, attempts: 1 };
const answer = { seconds: 20, limit: 30 };

/**
 * Asks all machines at once, each over a single connection: a look at its key alone, without logging in, is what guards
 * against scanners punish. Whatever key a machine shows is taken, unless the operator knows it by another one.
 */
export async function askMachines(ways: Ways): Promise<Asked> {
  const { logins, bastion, privateKey, knownHosts } = ways;
  const keys = new Map<string, string>();
  const at = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;
  const dialer = new Dialer(patience, {
    meets: (hop, hostKey) => {
      keys.set(at(hop), hostKey);
      return judgeKnown(knownHosts, hop, hostKey) !== "another";
    },
  });
  const withKey = (login: Login): SshTarget => ({ ...login, hostKey: "", privateKey });
  const ask = async (login: Login): Promise<Machine | Failure> => {
    const target = { ...withKey(login), ...(bastion && { bastion: withKey(bastion) }) };
    try {
      const client = await dialer.dial(target);
      const { status, output, errors } = await runAsRoot(client, login, script, answer);
      const hostKey = keys.get(at(login)) ?? "";
      if (status === 0) return { ...login, hostKey, facts: readReport(output, facts) };
      return failure(login, errors.trim().split("\n").at(-1) || `the script ended with ${status}`);
    } catch (error) {
      const dialled = error instanceof DialError ? error : undefined;
      const atBastion = dialled?.atBastion ? bastion : undefined;
      const who = atBastion && "the bastion ";
      return failure(atBastion ?? login, (error as Error).message, who, dialled?.trouble);
    }
  };
  try {
    const answers = await Promise.all(logins.map(ask));
    const machines = answers.filter((answer) => "facts" in answer);
    const failures = answers.filter((answer) => "text" in answer);
    return { machines, failures, bastionKey: bastion && keys.get(at(bastion)) };
  } finally {
    dialer.close();
  }
}

/** What to do about what the machine says, or what is wrong with the connection; the first that fits. */
const remedies: readonly {
  readonly says?: RegExp;
  readonly is?: readonly Trouble[];
  readonly refused?: true;
  readonly remedy: (login: Login) => string;
}[] = [
  {
    says: /sudo:/,
    remedy: ({ user }) =>
      `give ${user} sudo without a password: '${user} ALL=(ALL) NOPASSWD: ALL' in a file in /etc/sudoers.d there; or log in as root`,
  },
  {
    is: ["stranger"],
    remedy: (login) =>
      `it shows another key than the one in your known_hosts. If it was reinstalled, 'ssh-keygen -R ${knownAs(login)}' forgets ` +
      "the former one; if ssh itself logs in without a warning, it knew a key of another kind, and has this one from then on. " +
      "If neither is so, somebody may stand between you and the machine: do not go on",
  },
  {
    says: /no matching host key/,
    remedy: () => "it has neither an ed25519 nor an ecdsa host key: run 'ssh-keygen -A' there",
  },
  ...(["kex", "cipher", "mac"] as const).map((algorithm) => ({
    is: [algorithm],
    remedy: () => addAlgorithm(algorithm),
  })),
  {
    is: ["factor"],
    remedy: ({ user }) =>
      `it wants more than a key: set 'AuthenticationMethods publickey' for ${user} in its sshd_config, or log in as another user`,
  },
  {
    is: ["refused", "keys", "agent"],
    refused: true,
    remedy: ({ user }) =>
      `it does not let ${user} in: put another user before the @, name the private key with --identity FILE, and see that the ` +
      "public key is in the machine's authorized_keys",
  },
  {
    is: ["closed", "unreachable", "silent", "hangs", "cut", "behind"],
    remedy: ({ port }) =>
      `see that the machine is on, that its address is right, and that its SSH server listens on port ${port}`,
  },
  { is: ["name"], remedy: () => "no such name is known; give its address" },
  {
    is: ["forwarding"],
    remedy: () =>
      "set 'AllowTcpForwarding yes' in its sshd_config, and see that no PermitOpen is in the way",
  },
];

function failure(login: Login, says: string, who = "", trouble?: Trouble): Failure {
  const known = remedies.find(
    (one) => one.says?.test(says) || (trouble !== undefined && one.is?.includes(trouble)),
  );
  const remedy = known?.remedy(login) ?? "log in to it by hand, and see why";
  return {
    text: `${who}${knownAs(login)}: ${printable(says, 200)}\n  what to do: ${remedy}`,
    refused: known?.refused ?? false,
  };
}
