import type { NodeFile } from "./step";

/** A systemd unit as sections of directives, in the order they are written. A list repeats its directive. */
export type Unit = Readonly<
  Record<string, Readonly<Record<string, string | number | readonly string[]>>>
>;

/** The text of a unit file. */
export function renderUnit(unit: Unit): string {
  return Object.entries(unit)
    .map(([section, directives]) => {
      const lines = Object.entries(directives).flatMap(([key, value]) =>
        (Array.isArray(value) ? value : [value]).map((one) => `${key}=${String(one)}`),
      );
      return [`[${section}]`, ...lines].join("\n") + "\n";
    })
    .join("\n");
}

/** Where systemd finds a service the operator's own folder does not name: its unit file. */
export function unitFile(service: string, content: string): NodeFile {
  return { path: `/etc/systemd/system/${service}.service`, content };
}

/** `ExecStart` of a program with one flag a line, so that a changed flag is one changed line of a diff. */
export function execStart(
  program: string,
  flags: Readonly<Record<string, string>>,
  tail = "",
): string {
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return [program, ...words, ...(tail ? [tail] : [])].join(" \\\n  ");
}

/**
 * What every daemon of the cluster gets: it comes back by itself, however often it falls
 * (`StartLimitIntervalSec=0`), and gains no rights at run time.
 */
export const resilient = {
  Restart: "always",
  RestartSec: 1,
  LimitNOFILE: 1048576,
  LimitCORE: 0,
} as const;

/** What a daemon has beside the sandbox that is a user of its own (`DynamicUser`) and needs no right to do its work. */
export const powerless = {
  CapabilityBoundingSet: "",
  RestrictAddressFamilies: "AF_UNIX AF_INET",
  SystemCallFilter: "@system-service",
  ProtectProc: "invisible",
} as const;

/** Sandbox of a daemon that only talks to the network: it sees a read-only system and owns what it names. */
export function sandbox(writable: readonly string[] = []) {
  return {
    NoNewPrivileges: "yes",
    CapabilityBoundingSet: "CAP_NET_BIND_SERVICE",
    ProtectSystem: "strict",
    ...(writable.length > 0 ? { ReadWritePaths: writable.join(" ") } : {}),
    ProtectHome: "yes",
    PrivateTmp: "yes",
    PrivateDevices: "yes",
    ProtectKernelTunables: "yes",
    ProtectKernelModules: "yes",
    ProtectKernelLogs: "yes",
    ProtectControlGroups: "yes",
    ProtectClock: "yes",
    ProtectHostname: "yes",
    RestrictNamespaces: "yes",
    RestrictRealtime: "yes",
    RestrictSUIDSGID: "yes",
    LockPersonality: "yes",
    MemoryDenyWriteExecute: "yes",
    RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    SystemCallArchitectures: "native",
    UMask: "0077",
  } as const;
}
