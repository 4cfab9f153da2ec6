import { pluginOf } from "../../networks";
import { printable } from "../../ssh/report";
import type { ClusterStatus } from "../cluster";
import type { Finding, Severity } from "../finding";
import { judgeCeph } from "./ceph";
import { judgeCertificates } from "./certificates";
import { judgeClocks } from "./clocks";
import { judgeEndpoint } from "./endpoint";
import { judgeEtcd } from "./etcd";
import { judgeFirewall } from "./firewall";
import { judgeKubernetes } from "./kubernetes";
import { judgeMachine } from "./machine";
import { judgeNotes } from "./notes";
import { judgeSnapshots } from "./snapshots";

/** Everything that is not as the file says, the worst first, in sentences that can be read. */
export function judge(status: ClusterStatus): Finding[] {
  const findings = [
    ...status.answers.flatMap((answer) => judgeMachine(answer, status)),
    ...judgeFirewall(status),
    ...judgeEtcd(status),
    ...judgeSnapshots(status),
    ...judgeKubernetes(status),
    ...judgeEndpoint(status),
    ...pluginOf(status.plan).judge(status),
    ...judgeCeph(status),
    ...judgeClocks(status),
    ...judgeCertificates(status),
    ...judgeNotes(status),
  ].map(({ what, remedy, ...rest }) => ({
    ...rest,
    what: printable(what),
    remedy: printable(remedy),
  }));
  const of = (severity: Severity) => findings.filter((finding) => finding.severity === severity);
  return [...of("problem"), ...of("notice")];
}
