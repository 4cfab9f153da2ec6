import type { ClusterPlan, NodePlan } from "../../config/plan";
import { proxyVariables } from "../lib/proxy";
import type { NodeFile, Step } from "../step";
import { snapshotService, snapshotTimer } from "./units";
import { snapshotFolder } from "../../config/etcd";
import { unitFile } from "../unit";

/** A folder that Python runs. */
const program = "/usr/local/lib/groundwork/snapshot";
const folder = "/etc/groundwork";
const caFile = `${folder}/s3-ca.crt`;

/** A timer takes snapshots of etcd where this machine's member leads it. */
export function snapshots(cluster: ClusterPlan, node: NodePlan): Step<"TIMER"> {
  const { snapshots } = cluster.etcd;
  return {
    script: "snapshots",
    variables: { TIMER: snapshots.enabled ? "on" : "off" },
    files: [
      { path: `${program}/__main__.py`, part: "snapshot.py", mode: "0644" },
      { path: `${program}/retention.py`, part: "retention.py", mode: "0644" },
      { path: `${program}/s3.py`, part: "s3.py", mode: "0644" },
      { path: `${folder}/snapshots.json`, content: configuration(cluster, node) },
      ...s3Files(cluster),
      ...(snapshots.enabled ? units(cluster) : []),
    ],
  };
}

function units({ etcd: { snapshots } }: ClusterPlan): NodeFile[] {
  return [
    unitFile("groundwork-snapshot", snapshotService(program)),
    {
      path: "/etc/systemd/system/groundwork-snapshot.timer",
      content: snapshotTimer(snapshots.every),
    },
  ];
}

function configuration({ etcd: { snapshots }, proxy }: ClusterPlan, node: NodePlan): string {
  const { keep, recipients, s3 } = snapshots;
  const config = {
    folder: snapshotFolder,
    node: node.name,
    keep,
    recipients,
    environment: proxy ? Object.fromEntries(proxyVariables(proxy)) : {},
    s3: s3
      ? {
          endpoint: s3.endpoint,
          bucket: s3.bucket,
          addressing: s3.addressing,
          region: s3.region,
          prefix: s3.prefix,
          ca: s3.ca === undefined ? null : caFile,
        }
      : null,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function s3Files({ etcd: { snapshots } }: ClusterPlan): NodeFile[] {
  const { s3 } = snapshots;
  if (!s3) return [];
  return [
    { path: `${folder}/s3-credentials`, content: s3.credentials, secret: true },
    ...(s3.ca === undefined ? [] : [{ path: caFile, content: s3.ca }]),
  ];
}
