import type { NodeFile } from "../step";
import { renderUnit, sandbox, unitFile } from "../unit";

const program = "/usr/local/lib/groundwork/metrics";
/** Where the textfile collector of node_exporter is to look: everybody may read what lies there. */
const folder = "/var/lib/groundwork/metrics";

/** What tells Prometheus of the machine, every five minutes. */
export function metricsFiles(): NodeFile[] {
  return [
    { path: program, part: "node-metrics", mode: "0755" },
    { ...unitFile("groundwork-metrics", service()), constant: true },
    { ...unitFile("groundwork-event", eventService()), constant: true },
    { path: "/etc/systemd/system/groundwork-metrics.timer", content: timer(), constant: true },
  ];
}

function service(): string {
  return renderUnit({
    Unit: {
      Description: "Metrics of this machine in its cluster",
      // A machine that left, and has the unit of its image.
      ConditionPathIsDirectory: folder,
      Wants: "groundwork-event.service",
    },
    Service: {
      Type: "oneshot",
      ExecStart: program,
      Nice: 19,
      TimeoutStartSec: 60,
      LimitCORE: 0,
      ...sandbox([folder]),
      // Certificates lie in folders of others, and it asks nobody anything.
      CapabilityBoundingSet: "CAP_DAC_READ_SEARCH",
      PrivateNetwork: "yes",
      RestrictAddressFamilies: "AF_UNIX",
      SystemCallFilter: "@system-service",
    },
  });
}

/** Beside the other, which has no network: it asks the API server, by what the kubelet has. */
function eventService(): string {
  return renderUnit({
    Unit: {
      Description: "Event of this machine's certificates that end soon",
      // Only who has a kubelet has a Node.
      ConditionPathIsDirectory: "/var/lib/kubelet/pki",
    },
    Service: {
      Type: "oneshot",
      ExecStart: `${program} event`,
      Nice: 19,
      TimeoutStartSec: 60,
      LimitCORE: 0,
      ...sandbox(),
      CapabilityBoundingSet: "CAP_DAC_READ_SEARCH",
      RestrictAddressFamilies: "AF_UNIX AF_INET",
      SystemCallFilter: "@system-service",
    },
  });
}

function timer(): string {
  return renderUnit({
    Unit: { Description: "Metrics of this machine in its cluster, every five minutes" },
    Timer: { OnActiveSec: 30, OnUnitActiveSec: 300, RandomizedDelaySec: 30 },
    Install: { WantedBy: "timers.target" },
  });
}
