import * as pulumi from "@pulumi/pulumi";
import { settled } from "../arguments/standIns";
import type { NodePlan } from "../config/plan";
import { endingOf } from "./ending";
import { remedyOf, type Trouble } from "./remedies";

/**
 * What the command package says of itself. Behind `: running "` come our own command and what the machine printed, which
 * tell nothing of the connection.
 */
const ended =
  /(?:Process exited with status (\d+)(?: from signal (\w+))?|wait: remote command exited without exit status or exit signal): running "/;

const troubles: readonly (readonly [RegExp, Trouble | "unclear"])[] = [
  [/ssh: host key mismatch/, "stranger"],
  [/ssh: no common algorithm for key exchange;/, "kex"],
  [/ssh: no common algorithm for host key;/, "keyType"],
  [/ssh: no common algorithm for \S+ to \S+ cipher;/, "cipher"],
  [/ssh: no common algorithm for \S+ to \S+ MAC;/, "mac"],
  // It had no key to try, was to try none, or was asked for more.
  [/ssh: unable to authenticate, attempted methods \[none\],/, "unclear"],
  [/ssh: unable to authenticate, /, "refused"],
  [/ssh: disconnect, reason 2: Too many authentication failures/, "keys"],
  [/dial unix \S+: /, "agent"],
  [/ssh: rejected: administratively prohibited /, "forwarding"],
  [/ssh: rejected: connect failed /, "behind"],
  [/dial tcp: lookup /, "name"],
  [/dial tcp \S+: connect: connection refused/, "closed"],
  [/dial tcp \S+: connect: (no route to host|network is unreachable)/, "unreachable"],
  [/dial tcp \S+: i\/o timeout/, "silent"],
  [/ssh: handshake failed: /, "cut"],
];

/** What an error of a step is about: a connection that was not made, how the program ended, or what it said itself. */
type Told =
  | { readonly trouble: Trouble; readonly atBastion: boolean }
  | { readonly ending: string }
  | "unclear"
  | undefined;

/** What the command package's words mean, as far as they are its own; undefined: the step says for itself what to do. */
export function told(message: string): Told {
  const end = ended.exec(message);
  if (end) {
    const output = message.slice(end.index);
    if (output.includes("groundwork:")) return undefined;
    const [, status, signal] = end;
    const ending = endingOf(status === undefined ? undefined : Number(status), signal);
    return ending === undefined ? "unclear" : { ending };
  }
  if (message.includes("groundwork:")) return undefined;
  const own = message.trim();
  const atBastion = /(^|[ :])proxy: /.test(own);
  const trouble = troubles.find(([says]) => says.test(own))?.[1];
  if (trouble === undefined) return undefined;
  // Once a node behind a bastion has refused us, the package tries again on the connection that has ended.
  return trouble === "unclear" || (atBastion && trouble === "cut")
    ? "unclear"
    : { trouble, atBastion };
}

/**
 * Adds to an error of a step's connection what to do about it, naming the node. For steps that have no delete: a delete may
 * run without the program, where the engine finds no hook and would hide the real error.
 *
 * @param known what the program knows of what the machine said, in words; undefined: nothing
 */
export function remedyHook(
  name: string,
  node: NodePlan,
  known: (message: string) => string | undefined = () => undefined,
): pulumi.ErrorHook {
  return new pulumi.ErrorHook(`${name}-remedy`, async ({ errors }) => {
    const [latest = ""] = errors;
    const more = known(latest);
    const text =
      more === undefined
        ? await remedyFor(latest, () => settled(node))
        : `${node.name} (${node.ip}): ${more}`;
    if (text !== undefined) await pulumi.log.error(text);
    return false;
  });
}

async function remedyFor(
  message: string,
  settle: () => Promise<NodePlan>,
): Promise<string | undefined> {
  const what = told(message);
  if (what === undefined) return undefined;
  const node = await settle();
  if (what === "unclear") {
    // The machine itself is asked.
    const { whyNot } = await import("./wire");
    return whyNot(node);
  }
  return "trouble" in what
    ? remedyOf(what.trouble, node, what.atBastion)
    : `${node.name} (${node.ssh.host}): what the step ran there did not end by itself: ${what.ending}.`;
}
