import { z } from "zod";
import { servicePath } from "../../config/artifacts";
import type { ClusterPlan } from "../../config/plan";
import { probeFiles } from "../probe";
import type { NetworkPlugin } from "../plugin";
import { unitFile } from "../../steps/unit";
import { judgeFlannel } from "./judge";
import {
  networkPolicy,
  policiesImage,
  policiesImageOf,
  policiesModules,
  policiesOf,
  policiesTable,
  policyObjects,
} from "./policies";
import { flannelNetConf, flannelUnit, vxlanPort } from "./unit";

const netConf = "/etc/kube-flannel/net-conf.json";
const cni = "/usr/local/lib/groundwork/flannel-cni";
const pathMtu = "/usr/local/lib/groundwork/path-mtu";

const fields = z.strictObject({
  mtu: z
    .number()
    .int()
    .min(576, "is too small; give 576 or more, or leave it out")
    .max(9216, "is too large; give 9216 or less, or leave it out")
    .optional()
    .describe(
      "Largest packet of pods in bytes, where the way between machines takes less than their cards: 50 less than that takes; default: 50 less than the node's card takes. A change holds for pods that are made after it.",
    ),
  network_policy: networkPolicy,
});

const settingsOf = ({ networking }: ClusterPlan) => networking.settings as z.output<typeof fields>;

/** VXLAN between nodes, by flanneld as a service; NetworkPolicy, where the file asks for it, by pods beside it. */
export const flannel: NetworkPlugin = {
  name: "flannel",
  about: "flannel, which enforces NetworkPolicy where flannel.network_policy.enabled says so",
  folder: __dirname,
  fields,
  modules: (cluster) => ["vxlan", ...(policiesOf(cluster).enabled ? policiesModules : [])],
  images: () => [policiesImage],
  pulled: (settings) => {
    const { data } = fields.safeParse(settings ?? {});
    return data?.network_policy.enabled ? [policiesImageOf(data.network_policy)] : [];
  },
  artifacts: ({ architecture }, versions) => [
    {
      name: "flanneld",
      key: `github.com/flannel-io/flannel/releases/download/v${versions.flannel}/flanneld-${architecture}`,
      installs: [{ path: servicePath("flanneld", versions) }],
    },
  ],
  services: [
    {
      name: "flanneld",
      reads: (versions) => [
        servicePath("flanneld", versions),
        "/etc/kubernetes/kubelet.conf",
        "/etc/kubernetes/pki/ca.crt",
        netConf,
        cni,
      ],
    },
  ],
  files: (cluster, node) => [
    { path: netConf, content: flannelNetConf(cluster, settingsOf(cluster).mtu), mode: "0644" },
    { path: cni, part: "flannel-cni", mode: "0755" },
    { path: pathMtu, part: "path-mtu", mode: "0755" },
    unitFile("flanneld", flannelUnit(cluster, node)),
    ...probeFiles(cluster),
  ],
  library: "flannel-lib.sh",
  withKubelet: "flanneld",
  programs: "/usr/lib/cni",
  configuration: "10-flannel.conflist",
  ports: () => [{ protocol: "udp", port: vxlanPort }],
  reached: `UDP ${vxlanPort}, and packets forwarded from and to pods (cni0, flannel.1)`,
  traces: {
    links: ["cni0", "flannel.1"],
    tables: ["flannel-ipv[46]", "cni_.*", policiesTable],
    chains: ["FLANNEL", "CNI"],
    // flanneld has a user of its own: systemd keeps its folder apart, and a link to it.
    folders: ["/run/flannel", "/run/private/flannel"],
  },
  roles: {
    // Since Kubernetes 1.32 a node sees itself only; its network must know where the others are.
    flannel: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] }],
  },
  bindings: [
    // flanneld asks as its node, which may change its own Node anyway, and that alone.
    {
      name: "flannel",
      subject: { kind: "Group", name: "system:nodes" },
      formerly: { kind: "User", name: "system:flannel" },
      role: "flannel",
    },
  ],
  manifests: (cluster) => policyObjects(policiesOf(cluster)),
  looks: "flannel-status-lib.sh",
  judge: judgeFlannel,
};
