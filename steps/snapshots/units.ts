import { snapshotFolder } from "../../config/etcd";
import { renderUnit, sandbox } from "../unit";

/** @param program folder that Python runs */
export function snapshotService(program: string): string {
  return renderUnit({
    Unit: {
      Description: "Snapshot of etcd, where this master leads it",
      After: "network-online.target etcd.service",
      Wants: "network-online.target",
    },
    Service: {
      Type: "oneshot",
      ExecStart: `/usr/bin/python3 -IB ${program}`,
      Nice: 10,
      TimeoutStartSec: 1800,
      LimitCORE: 0,
      ...sandbox([snapshotFolder]),
      // etcd's keys are its user's.
      CapabilityBoundingSet: "CAP_DAC_READ_SEARCH",
      RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6",
      SystemCallFilter: "@system-service",
    },
  });
}

/** @param every seconds between two snapshots */
export function snapshotTimer(every: number): string {
  return renderUnit({
    Unit: { Description: "Snapshots of etcd" },
    Timer: { OnActiveSec: 120, OnUnitActiveSec: every, RandomizedDelaySec: 30 },
    Install: { WantedBy: "timers.target" },
  });
}
