import { type ClusterPlan, type NodePlan, roleOf, runsPods } from "../../config/plan";
import { filesOf, variablesOf } from "../prepare";
import { renderAlone } from "../program";
import { renderUnit, unitFile } from "../unit";

/**
 * The program that makes an image's system one of a node, run in it as root by whoever builds it: it is all in one text, and asks
 * for nothing. It brings no secret of the cluster and nothing that is one node's.
 */
export function imageProgram(node: NodePlan, cluster: ClusterPlan): string {
  const units = unitsOf(node);
  return renderAlone({
    script: "image",
    variables: {
      NODE: `image of a ${roleOf(node)}`,
      NODE_IP: cluster.name,
      STEP: "image",
      ...variablesOf(node, cluster),
      UNITS: units.join(" "),
    },
    // Nothing of a plan is to come.
    files: [...filesOf(node, cluster), ...machineFiles(units)].map((file) => ({
      ...file,
      content: file.content as string | undefined,
    })),
  });
}

const hostKeys = "groundwork-host-keys";
const console = "groundwork-console";

/** What starts with the machine. */
const unitsOf = (node: NodePlan) => [
  "ssh.service",
  `${hostKeys}.service`,
  `${console}.service`,
  "groundwork-metrics.timer",
  ...(runsPods(node) ? ["containerd.service"] : []),
];

/** What a machine has beside what prepare puts on any. */
function machineFiles(units: readonly string[]) {
  const mode = "0644";
  return [
    { path: "/etc/systemd/system-preset/00-groundwork.preset", mode, content: presets(units) },
    { ...unitFile(hostKeys, hostKeysUnit()), mode },
    { ...unitFile(console, consoleUnit()), mode },
    { path: "/etc/systemd/network/99-groundwork.network", mode, content: anyNetwork },
  ];
}

/** What packages bring and a machine is not to start: with settings that are examples, or beside what does the same. */
const unwanted = [
  "ceph-crash.service",
  "cni-dhcp.service",
  "cni-dhcp.socket",
  "haproxy.service",
  "nftables.service",
  "ssh.socket",
];

/** Builders, and systemd at a first boot, start all that packages bring, unless somebody says otherwise. */
const presets = (units: readonly string[]) =>
  [...units.map((unit) => `enable ${unit}`), ...unwanted.map((unit) => `disable ${unit}`), ""].join(
    "\n",
  );

/** Host keys where the machine was given none: a seed brings them before. */
const hostKeysUnit = () =>
  renderUnit({
    Unit: {
      Description: "SSH host keys of this machine, where it has none",
      ConditionPathExists: ["!/etc/ssh/ssh_host_ed25519_key", "!/etc/ssh/ssh_host_ecdsa_key"],
      After: "cloud-init.service cloud-init-network.service",
      Before: "ssh.service",
    },
    Service: { Type: "oneshot", ExecStart: "/usr/bin/ssh-keygen -A" },
    Install: { WantedBy: "multi-user.target" },
  });

/** What steps do, at the console of a machine that nobody is logged in to. It waits for nobody who does not read it. */
const consoleUnit = () =>
  renderUnit({
    Unit: { Description: "What Groundwork does to this machine, at its console" },
    Service: {
      ExecStart:
        "/usr/bin/journalctl --follow --lines=0 --boot --identifier=groundwork --output=cat",
      // The words alone, without the colours of their urgency.
      Environment: "SYSTEMD_COLORS=0",
      StandardOutput: "tty",
      TTYPath: "/dev/console",
      Restart: "always",
      RestartSec: 5,
    },
    Install: { WantedBy: "multi-user.target" },
  });

/** Until it is given another: addresses by DHCP. */
const anyNetwork = `[Match]
Type=ether
Kind=!*

[Network]
DHCP=yes
`;
