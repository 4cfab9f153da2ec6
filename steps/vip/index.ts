import type { VipPlan } from "../../config/endpoint";
import type { NodePlan } from "../../config/plan";
import type { NodeFile, Step } from "../step";
import { renderUnit, resilient, unitFile } from "../unit";

const folder = "/etc/groundwork/vip";

/**
 * One of the masters holds the API's address, by VRRP: keepalived on each asks its own API server, and lets go of the address
 * where that does not answer.
 *
 * @param masters that are not lost: none but these are heard
 */
export function vip(
  { address, routerId }: VipPlan,
  masters: readonly NodePlan[],
): Step<"VIP" | "ROUTER_ID" | "PEERS"> {
  return {
    script: "vip",
    undo: "vip-stop",
    variables: {
      VIP: address,
      ROUTER_ID: String(routerId),
      PEERS: masters.map(({ ip }) => ip).join(" "),
    },
    files: [
      program("check"),
      program("release"),
      { ...unitFile("groundwork-vip", renderUnit(unit)), constant: true },
    ],
  };
}

/** keepalived runs nothing below a folder that a group may write to, as /usr/local is in Debian. */
const program = (name: string): NodeFile => ({
  path: `${folder}/${name}`,
  part: `vip-${name}`,
  mode: "0755",
});

const unit = {
  Unit: {
    Description: "Groundwork: the API's address is held by one master at a time",
    Documentation: "man:keepalived(8)",
    After: "network-online.target",
    Wants: "network-online.target",
    StartLimitIntervalSec: 0,
  },
  Service: {
    ExecStartPre: `/usr/sbin/nft -f ${folder}/peers.nft`,
    // In the foreground, without IPVS, of which it would ask the kernel, and with its words for the journal.
    ExecStart: `/usr/sbin/keepalived -n -P -l -f ${folder}/keepalived.conf -p /run/groundwork-vip.pid -r /run/groundwork-vip-vrrp.pid`,
    // One that was killed leaves the address, which another has by then.
    ExecStopPost: `-${folder}/release`,
    KillMode: "mixed",
    ...resilient,
    CapabilityBoundingSet: "CAP_NET_ADMIN CAP_NET_RAW CAP_SETUID CAP_SETGID CAP_KILL",
    NoNewPrivileges: "yes",
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
