/** At which TCP ports the cluster's services answer, on nodes that have them. Where two are named, it is the first and the last of a range. */
export const ports = {
  etcdClient: 2379,
  etcdPeer: 2380,
  apiServer: 6443,
  kubelet: 10250,
  cephMonitor: 3300,
  /** Of the former protocol, which monitors of ours do not speak. */
  cephMonitorV1: 6789,
  /** Of managers, too. */
  cephDaemons: [6800, 7568],
  cephMetrics: 9283,
  cephDashboard: 8443,
} as const;

/** Where the API is on every node: a master's own, or a worker's proxy. */
export const localApi = `https://127.0.0.1:${ports.apiServer}`;
