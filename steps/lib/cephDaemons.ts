import type { CephConnectionMode } from "../../config/ceph";
import type { NodeFile } from "../step";
import { renderUnit } from "../unit";

const unit = { StartLimitIntervalSec: 0 };
// From the first instruction on: below /var/lib/ceph nothing may be opened by name as root.
const user = { User: "ceph", Group: "ceph" };
const service = {
  // Not `always`: a daemon that the cluster tells to stop shall stay stopped.
  Restart: "on-failure",
  RestartSec: 2,
  ...user,
};
const managerModules = "/usr/local/lib/groundwork/ceph-mgr";

/**
 * What the packages' units lack: after a few failures, as when a whole site comes back slowly, they give up for good.
 *
 * @param environment of every daemon, beside its own
 */
const dropIns = (environment: readonly string[]) => ({
  "mon@": renderUnit({
    Unit: unit,
    Service: { ...service, OOMScoreAdjust: -500, Environment: environment },
  }),
  "mgr@": renderUnit({
    Unit: unit,
    Service: {
      ...service,
      // Its modules are Python, and take seconds of processor time whenever a manager starts.
      Nice: 10,
      CPUWeight: 20,
      Environment: [`PYTHONPATH=${managerModules}`, ...environment],
    },
  }),
  "osd@": renderUnit({
    // When the machine restarts, an OSD says that it goes, best by the monitor beside it. Of one that said nothing others
    // write nothing for twenty seconds (osd_heartbeat_grace).
    Unit: { ...unit, After: "ceph-mon.target" },
    Service: {
      ...service,
      OOMScoreAdjust: -500,
      // A device belongs to root again after each boot. Which it is, root has noted where nobody else writes.
      EnvironmentFile: "/etc/ceph/groundwork-osd/%i",
      ExecStartPre: "+/usr/bin/chown ceph:ceph ${BLOCK}",
      Environment: environment,
    },
  }),
});

/**
 * Daemons that take nothing but encrypted connections, and make no others. They are told when they start: what the cluster's
 * configuration says comes by a connection, and those that are there stay as they are.
 */
const secure = `"CEPH_ARGS=${["cluster", "service", "client"]
  .flatMap((kind) => [`--ms_${kind}_mode=secure`, `--ms_mon_${kind}_mode=secure`])
  .join(" ")}"`;

/** Names that the kernel gives to disks of which smartctl knows something; a pattern's star would match a blank, too. */
const disks = [
  ...["[a-z]", "[a-z][a-z]", "[a-z][a-z][a-z]"].map((letters) => `sd${letters}`),
  ...["[0-9]", "[0-9][0-9]", "[0-9][0-9][0-9]"].flatMap((controller) =>
    ["[0-9]", "[0-9][0-9]"].map((namespace) => `nvme${controller}n${namespace}`),
  ),
];

/**
 * Takes back what the packages let the daemons' user do as root: there `nvme` takes any arguments, by which that user reads
 * and writes what it likes. Disks are still asked for their health. Of two rules for a user sudo takes the last, and reads
 * the files by their names. The packages' own stays as it is: dpkg would ask about it at an upgrade. No regular
 * expression: sudo knows them from 1.9.10 on, and takes them for patterns before.
 */
export const cephSudoers: NodeFile = {
  path: "/etc/sudoers.d/zz-groundwork-ceph",
  content: `ceph ALL=(ALL:ALL) !ALL
${disks.map((disk) => `ceph ALL=NOPASSWD: /usr/sbin/smartctl -x --json=o /dev/${disk}\n`).join("")}`,
  mode: "0440",
  constant: true,
};

const dropIn = (daemon: string, content: string): NodeFile => ({
  path: `/etc/systemd/system/ceph-${daemon}.service.d/groundwork.conf`,
  content,
  mode: "0644",
  constant: true,
});

/** Settings of the packages' unit for a kind of daemon. They lie with the step that starts it: it starts it anew, too. */
export const cephUnitFile = (
  daemon: keyof ReturnType<typeof dropIns>,
  mode: CephConnectionMode,
): NodeFile => dropIn(daemon, dropIns(mode === "secure" ? [secure] : [])[daemon]);

/** The same for who reports crashes: older versions stay root and move what that user lays into its folder. */
export const cephCrashFile = dropIn("crash", renderUnit({ Service: user }));

/**
 * Python modules that stand before the system's in a manager, with the small part of bcrypt and OpenSSL that it uses.
 * The real ones are written in Rust and load once in a process (PyO3/pyo3#576), while a manager runs each of its
 * modules in an interpreter of its own: on Debian 13 none of them would start, and the dashboard would have no TLS.
 */
export function cephManagerFiles(): NodeFile[] {
  return ["OpenSSL.py", "bcrypt.py", "sitecustomize.py"].map((name) => ({
    path: `${managerModules}/${name}`,
    part: name,
    mode: "0644",
  }));
}

/** A variable of a daemon's step that changes with its packages, so that it runs again; none where they are the distribution's. */
export const packagesIn = (version: string | undefined): Record<string, string> =>
  version === undefined ? {} : { CEPH_VERSION: version };

/** Packages of Ceph for a node. */
export function cephPackages(roles: readonly string[]): string[] {
  return [
    ...(roles.includes("ceph-mon")
      ? ["ceph-common", "ceph-mgr", "ceph-mgr-dashboard", "ceph-mgr-modules-core", "ceph-mon"]
      : []),
    ...(roles.includes("ceph-osd") ? ["ceph-common", "ceph-osd"] : []),
  ].filter((name, index, all) => all.indexOf(name) === index);
}

/** What a node of Ceph needs of its distribution beside them. */
export const besideCeph = (roles: readonly string[]): string[] =>
  roles.includes("ceph-osd") ? ["lvm2"] : [];
