import type { NodePlan } from "../../config/plan";
import { renderScript } from "../program";
import type { NodeFile } from "../step";
import { renderUnit, sandbox, unitFile } from "../unit";

/** Certificate and key the approver asks the API server with. */
export const approverClient = "/etc/kubernetes/pki/approver.pem";

const program = "/usr/local/lib/groundwork/approve";
/** Decides for the approver and for `admit`. */
const judge = "/usr/local/lib/groundwork/judge-csr";

/**
 * What renews kubelets' serving certificates between one `up` and the next. Every master has it, so that it goes on with
 * any of them down; the random delay keeps them apart, and who comes second finds nothing left to do.
 */
export function approverFiles(node: NodePlan): NodeFile[] {
  const vars = { NODE: node.name, NODE_IP: node.ip, STEP: "approve", CLIENT: approverClient };
  return [
    { path: judge, part: "judge-csr.py", mode: "0755" },
    { path: program, content: renderScript("approve", vars), mode: "0755" },
    unitFile("groundwork-approve", approverService()),
    { path: "/etc/systemd/system/groundwork-approve.timer", content: approverTimer() },
  ];
}

function approverService(): string {
  return renderUnit({
    Unit: {
      Description: "Approval of kubelets' serving certificates",
      After: "network-online.target kube-apiserver.service",
      Wants: "network-online.target",
    },
    Service: {
      Type: "oneshot",
      ExecStart: program,
      TimeoutStartSec: 120,
      // The journal gets what it does and what fails, not that it ran.
      SyslogLevel: "notice",
      LogLevelMax: "notice",
      ...sandbox(),
    },
  });
}

function approverTimer(): string {
  return renderUnit({
    Unit: { Description: "Regular approval of kubelets' serving certificates" },
    Timer: { OnCalendar: "*:0/5", RandomizedDelaySec: 240 },
    Install: { WantedBy: "timers.target" },
  });
}
