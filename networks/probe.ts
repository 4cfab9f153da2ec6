import type { ClusterPlan } from "../config/plan";
import type { NodeFile } from "../steps/step";

/**
 * A network namespace on every node in which no process runs, at the last address of the node's pod network: it is made
 * and reached as pods are, so that whoever looks from there sees what pods see.
 */
export const probeNamespace = "groundwork-probe";

/**
 * What `ip netns exec` shows there in the place of the machine's own files: the cluster's names, asked of CoreDNS alone.
 * `kubernetes.default` leads to the API's Service without DNS, `kubernetes.default.svc` by DNS.
 */
export function probeFiles({ networking }: ClusterPlan): NodeFile[] {
  const contents = {
    "resolv.conf": `nameserver ${networking.dnsServiceIp}
search ${networking.clusterDomain}
options ndots:5 timeout:1 attempts:2
`,
    hosts: `${networking.apiServiceIp} kubernetes.default\n`,
    "nsswitch.conf": "hosts: files dns\n",
  };
  return Object.entries(contents).map(([name, content]) => ({
    path: `/etc/netns/${probeNamespace}/${name}`,
    content,
  }));
}
