import { z } from "zod";
import * as field from "../../config/fields";
import type { ClusterPlan } from "../../config/plan";
import { byDigest } from "../../config/released";
import type { NetworkPlugin } from "../plugin";
import { judgeCalico } from "./judge";

/** At which nodes send each other pods' packets, as Calico has them. */
const vxlanPort = 4789;
const wireguardPort = 51820;

const manifest = "/usr/local/lib/groundwork/calico.yaml";

const image = (what: string) =>
  field.imageName.optional().describe(`Image of ${what}; default: upstream's, of quay.io/calico.`);

const fields = z.strictObject({
  vxlan: z
    .enum(["always", "cross_subnet"])
    .default("always")
    .describe(
      "Which packets between nodes go by VXLAN: all, or those alone that leave the node's own network. Fixed once the cluster exists.",
    ),
  encryption: z
    .enum(["none", "wireguard"])
    .default("none")
    .describe("Encryption of what pods of different nodes say to each other."),
  mtu: z
    .number()
    .int()
    .min(1280, "is too small; give 1280 or more, or leave it out")
    .max(9216, "is too large; give 9216 or less, or leave it out")
    .optional()
    .describe(
      "Largest packet of pods in bytes; default: Calico finds it out, by the node's cards. A change holds for pods that are made after it.",
    ),
  images: z
    .strictObject({
      cni: image("what puts the programs of CNI on nodes"),
      node: image("what runs on every node"),
      kube_controllers: image("what looks after what nodes have left"),
    })
    .prefault({})
    .describe(
      "Images, where they are not upstream's own: in full, with tag or digest. Mirrors of quay.io stand in registries.",
    ),
});

const settingsOf = ({ networking }: ClusterPlan) => networking.settings as z.output<typeof fields>;

const upstream = (name: string, version: string) => `quay.io/calico/${name}:v${version}`;

/** Felix has to write rules by what kube-proxy writes them by. */
const nftablesModes = {
  nftables: "Enabled",
  iptables: "Disabled",
  ipvs: "Disabled",
  off: "Auto",
} as const;

/** VXLAN between nodes and NetworkPolicy, by upstream's manifest: pods of its own on every node. */
export const calico: NetworkPlugin = {
  name: "calico",
  about: "calico, which enforces NetworkPolicy and comes as pods",
  folder: __dirname,
  fields,
  modules: (cluster) => [
    "vxlan",
    ...(settingsOf(cluster).encryption === "wireguard" ? ["wireguard"] : []),
  ],
  images: ({ calico: version }) =>
    ["cni", "node", "kube-controllers"].map((name) => upstream(name, version)),
  artifacts: ({ roles }, { calico: version }) =>
    roles.includes("master")
      ? [
          {
            name: "calico",
            key: `raw.githubusercontent.com/projectcalico/calico/v${version}/manifests/calico.yaml`,
            installs: [{ path: manifest }],
          },
        ]
      : [],
  installation: {
    manifest,
    version: ({ calico: version }) => version,
    images: (cluster) => {
      const { cni, node, kube_controllers } = settingsOf(cluster).images;
      const given = { cni, node, "kube-controllers": kube_controllers };
      return Object.fromEntries(
        Object.entries(given).map(([name, own]) => {
          const theirs = upstream(name, cluster.versions.calico);
          return [theirs, own ?? byDigest(theirs)];
        }),
      );
    },
    settings: (cluster) => {
      const { vxlan, encryption, mtu = 0 } = settingsOf(cluster);
      return {
        podCidr: cluster.networking.podCidr,
        vxlan: { always: "Always", cross_subnet: "CrossSubnet" }[vxlan],
        nftables: nftablesModes[cluster.kubernetes.kubeProxy.mode],
        wireguard: encryption === "wireguard",
        mtu: String(mtu),
      };
    },
    daemonSet: "kube-system/calico-node",
    library: "calico-manifest-lib.sh",
  },
  services: [],
  files: () => [],
  library: "calico-lib.sh",
  programs: "/opt/cni/bin",
  configuration: "10-calico.conflist",
  ports: (cluster) => [
    { protocol: "udp", port: vxlanPort },
    ...(settingsOf(cluster).encryption === "wireguard"
      ? [{ protocol: "udp", port: wireguardPort } as const]
      : []),
  ],
  reached: `UDP ${vxlanPort} (and UDP ${wireguardPort} where pods' packets are encrypted), and packets forwarded from and to pods (cali*, vxlan.calico)`,
  traces: {
    links: ["cali*", "vxlan.calico", "wireguard.cali", "wg-v6.cali"],
    tables: ["calico.*"],
    chains: ["cali"],
    folders: ["/run/calico", "/run/nodeagent"],
    routes: ["80"],
  },
  // The manifest brings its own.
  roles: {},
  bindings: [],
  manifests: () => [],
  judge: judgeCalico,
};
