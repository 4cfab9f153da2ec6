import type { CallPlan, JoinServicePlan } from "../../config/plan";
import { renderUnit } from "../unit";
import type { NodeFile, Step } from "../step";

/** Where a machine keeps whom it calls. */
export const folder = "/etc/groundwork/join";

/** The unit that calls one service: `groundwork-join@master-01`. */
export const unitName = "groundwork-join@.service";

/**
 * The machine calls all who take calls, now and after each restart. Nothing undoes it: a machine that leaves the cluster is let in
 * nowhere, and whoever took its only way in off it would lose it.
 */
export function call(calls: CallPlan, hostKey: string): Step<"SERVICES"> {
  const files = callFiles(calls, hostKey);
  return {
    script: "call",
    variables: { SERVICES: calls.services.map(({ name }) => name).join(" ") },
    texts: Object.fromEntries(files.map(({ path, content = "" }) => [printed(path), content])),
  };
}

/** `ssh_config`, `known_hosts` and `unit`: what the script has by these names. */
const printed = (path: string) =>
  path.endsWith(".service") ? "unit" : (path.split("/").at(-1) ?? "");

/** What a machine needs to call: the same in its step and in the seed it starts with. */
export function callFiles(calls: CallPlan, hostKey: string): readonly NodeFile[] {
  const { services } = calls;
  return [
    { path: `${folder}/ssh_config`, mode: "0600", content: sshConfig(calls, hostKey) },
    {
      path: `${folder}/known_hosts`,
      mode: "0600",
      content: services.map(({ name, hostKey }) => `${name} ${hostKey}\n`).join(""),
    },
    { path: `/etc/systemd/system/${unitName}`, mode: "0644", content: renderUnit(unit) },
  ];
}

const unit = {
  Unit: {
    Description: "Groundwork: calls the join service %i, to be reached through it",
    After: "network-online.target ssh.service",
    Wants: "network-online.target",
    StartLimitIntervalSec: 0,
  },
  Service: {
    ExecStart: `/usr/bin/ssh -F ${folder}/ssh_config -N -T %i`,
    Restart: "always",
    // Whoever does not take the call is called again; all machines of a site would otherwise do so at once.
    RestartSec: 5,
    NoNewPrivileges: "yes",
    ProtectSystem: "strict",
    ProtectHome: "yes",
    PrivateTmp: "yes",
  },
  Install: { WantedBy: "multi-user.target" },
};

function sshConfig({ services, address, port }: CallPlan, hostKey: string): string {
  const hosts = services.map((service: JoinServicePlan) => [
    `Host ${service.name}`,
    `  HostName ${service.host}`,
    `  Port ${service.port}`,
    `  HostKeyAlias ${service.name}`,
    `  HostKeyAlgorithms ${service.hostKey.split(" ")[0]}`,
  ]);
  const all = [
    "Host *",
    "  User groundwork-join",
    `  IdentityFile ${keyFile(hostKey)}`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    "  PreferredAuthentications publickey",
    "  BatchMode yes",
    `  UserKnownHostsFile ${folder}/known_hosts`,
    "  GlobalKnownHostsFile none",
    "  StrictHostKeyChecking yes",
    "  UpdateHostKeys no",
    "  CheckHostIP no",
    "  ConnectTimeout 10",
    "  ServerAliveInterval 5",
    "  ServerAliveCountMax 3",
    "  ExitOnForwardFailure yes",
    `  RemoteForward ${address}:${port} 127.0.0.1:22`,
  ];
  return [...hosts.flat(), ...all, ""].join("\n");
}

/** Where a machine has the private key of its host key, where nobody has told its sshd otherwise. */
export function keyFile(hostKey: string): string {
  const [algorithm = ""] = hostKey.split(" ");
  return `/etc/ssh/ssh_host_${algorithm === "ssh-ed25519" ? "ed25519" : "ecdsa"}_key`;
}
