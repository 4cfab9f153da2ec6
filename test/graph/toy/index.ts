import { z } from "zod";
import type { NetworkPlugin } from "../../../networks/plugin";
import { about } from "../../../status/finding";
import { unitFile } from "../../../steps/unit";

/** A network plugin that there is not: one of everything that a plugin may have, in one folder. */
export const toy: NetworkPlugin = {
  name: "toy",
  about: "toy, which plays",
  folder: __dirname,
  modules: () => ["toys"],
  fields: z.strictObject({
    mtu: z
      .number()
      .int()
      .min(1280, "is too small; give 1280 or more")
      .default(1450)
      .describe("Largest packet of pods in bytes."),
  }),
  artifacts: ({ architecture }) => [
    {
      name: "toyd",
      key: `toys.example.org/v1/toyd-${architecture}`,
      installs: [{ path: "/usr/local/bin/toyd" }],
    },
  ],
  services: [
    {
      name: "toyd",
      reads: () => ["/usr/local/bin/toyd", "/etc/toy.json", "/usr/local/lib/toy-cni"],
    },
  ],
  files: ({ networking }, node) => [
    {
      path: "/etc/toy.json",
      content: `${JSON.stringify({ node: node.name, ...(networking.settings as object) })}\n`,
      mode: "0644",
    },
    { path: "/usr/local/lib/toy-cni", part: "toy-cni", mode: "0755" },
    unitFile("toyd", "[Service]\nExecStart=/usr/local/bin/toyd\n"),
  ],
  library: "toy-lib.sh",
  withKubelet: "toyd",
  programs: "/opt/toy",
  configuration: "20-toy.conflist",
  ports: () => [{ protocol: "udp", port: 4711 }],
  reached: "UDP 4711",
  traces: { links: ["toy*"], tables: ["toy"], chains: ["TOY"], folders: ["/run/toy"] },
  roles: { toy: [{ apiGroups: [""], resources: ["nodes"], verbs: ["watch"] }] },
  bindings: [{ name: "toy", subject: { kind: "Group", name: "system:nodes" }, role: "toy" }],
  manifests: ({ networking }) => [
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "toy", namespace: "kube-system" },
      data: { cidr: networking.podCidr },
    },
  ],
  looks: "toy-status-lib.sh",
  judge: ({ plan }) => [
    about("network").notice(`${plan.name} has a toy for a network`, "give it back"),
  ],
};
