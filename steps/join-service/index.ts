import type { NodePlan } from "../../config/plan";
import { renderUnit, resilient, unitFile } from "../unit";
import type { Step } from "../step";

const folder = "/etc/groundwork/join-service";

/**
 * An SSH server of its own that takes calls and does nothing else: a machine that proves by its host key who it is may have its
 * own SSH server answer at one address of this machine's loopback network. The engine goes on from there, and checks that
 * machine's host key itself: whoever holds this server, or stands before it, sees nothing and can put nothing in.
 */
export function joinService(node: NodePlan, port: number): Step<"HOST_KEY"> {
  return {
    script: "join-service",
    undo: "join-service-stop",
    variables: { HOST_KEY: node.ssh.hostKey },
    files: [unitFile("groundwork-join-service", renderUnit(unit))],
    texts: { sshd_config: `${settings(node.ip, port)}\n` },
  };
}

const unit = {
  Unit: {
    Description: "Groundwork: takes the calls of machines that nobody dials",
    After: "network-online.target",
    Wants: "network-online.target",
    StartLimitIntervalSec: 0,
  },
  Service: {
    // The folder of all SSH servers of the machine, which systemd would remove with a unit that owns it.
    ExecStartPre: "/usr/bin/install -d -m 0755 /run/sshd",
    ExecStart: `/usr/sbin/sshd -D -f ${folder}/sshd_config`,
    ...resilient,
    // Who is connected stays so when its settings change.
    KillMode: "process",
    // What calls is not known until it has proved who it is.
    MemoryMax: "2G",
    TasksMax: 8192,
    OOMPolicy: "continue",
    ProtectSystem: "strict",
    ReadWritePaths: "/run",
    ProtectHome: "yes",
    PrivateTmp: "yes",
    PrivateDevices: "yes",
    ProtectKernelModules: "yes",
    ProtectControlGroups: "yes",
  },
  Install: { WantedBy: "multi-user.target" },
};

/** What it lets nobody do is all that sshd can but this: have the caller answer at its own address. */
const settings = (ip: string, port: number) =>
  [
    `Port ${port}`,
    `ListenAddress ${ip}`,
    "AllowUsers groundwork-join",
    `AuthorizedKeysFile ${folder}/callers`,
    "AuthenticationMethods publickey",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin no",
    "UsePAM no",
    "AllowTcpForwarding remote",
    "GatewayPorts clientspecified",
    "PermitOpen none",
    "AllowStreamLocalForwarding no",
    "AllowAgentForwarding no",
    "PermitTunnel no",
    "PermitTTY no",
    "X11Forwarding no",
    "PermitUserRC no",
    "MaxSessions 0",
    "ForceCommand /bin/false",
    // Whoever does not say who it is goes. So many say so at a time, and from one address, behind which a whole site may be,
    // some of them: who comes when it is crowded is sent away, and calls again.
    "LoginGraceTime 30",
    "MaxAuthTries 4",
    "MaxStartups 60:30:120",
    "PerSourceMaxStartups 30",
    // A machine that was switched off has its address again when it calls anew.
    "ClientAliveInterval 5",
    "ClientAliveCountMax 3",
    // Who was refused, with which key.
    "LogLevel VERBOSE",
    "PidFile none",
  ].join("\n");
