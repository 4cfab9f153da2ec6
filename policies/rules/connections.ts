import type { ResourceValidationPolicy } from "@pulumi/policy";
import { known, unknown, validateType } from "../judge";

interface Connection {
  readonly hostKey?: string;
  readonly password?: string;
  readonly proxy?: Connection;
}

/** Judges the two ends a step dials: the machine, and the jump host before it. */
function validateConnections(judge: (end: Connection) => string | undefined) {
  return validateType<{ connection: Connection }>("command:remote:*", (props, report, args) => {
    const { connection = {} } = props;
    const { proxy } = connection;
    const ends = [
      { what: "its machine", end: connection },
      ...(proxy ? [{ what: "its jump host", end: proxy }] : []),
    ];
    for (const { what, end } of ends) {
      const problem = judge(end);
      if (problem !== undefined) report(`${args.name}: the connection to ${what} ${problem}`);
    }
  });
}

const pinnedHostKeys: ResourceValidationPolicy = {
  name: "pinned-host-keys",
  description: "SSH talks to no machine whose host key was not given beforehand.",
  enforcementLevel: "mandatory",
  validateResource: validateConnections((end) => {
    const key = known(() => end.hostKey ?? "");
    if (key !== unknown && /^(ssh|ecdsa|sk)-[\w@.-]+ \S+/.test(key)) return undefined;
    const found =
      key === unknown ? "a host key that is not known before 'up'" : "no pinned host key";
    return `has ${found}; give host_key in the cluster file, as in the machine's /etc/ssh/ssh_host_ed25519_key.pub`;
  }),
};

const noPasswords: ResourceValidationPolicy = {
  name: "no-password-authentication",
  description: "SSH logs in with keys only.",
  enforcementLevel: "mandatory",
  validateResource: validateConnections((end) =>
    known(() => end.password) === undefined
      ? undefined
      : "logs in with a password; give cluster.ssh.private_key_file, or agent: true, instead",
  ),
};

export const connections = [pinnedHostKeys, noPasswords];
