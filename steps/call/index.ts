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
export function call(calls: CallPlan): Step<"SERVICES"> {
  const files = callFiles(calls);
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
export function callFiles(calls: CallPlan): readonly NodeFile[] {
  const { services } = calls;
  return [
    { path: `${folder}/ssh_config`, mode: "0600", content: sshConfig(calls) },
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

function sshConfig({ services, address, port, ownPort }: CallPlan): string {
  const hosts = services.map((service: JoinServicePlan) => [
    `Host ${service.name}`,
    `  HostName ${service.host}`,
    `  Port ${service.port}`,
    `  HostKeyAlias ${service.name}`,
  ]);
  const all = [
    "Host *",
    "  User groundwork-join",
    // One of them is the host key of the file: which, is not known where another resource makes it.
    ...["ed25519", "ecdsa"].map((type) => `  IdentityFile /etc/ssh/ssh_host_${type}_key`),
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
    `  RemoteForward ${address}:${port} 127.0.0.1:${ownPort}`,
  ];
  return [...hosts.flat(), ...all, ""].join("\n");
}
