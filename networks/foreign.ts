import type { Traces } from "./plugin";

/** What network plugins leave on a machine that other installers set up. */
export const foreign: Traces = {
  links: [
    "flannel*",
    "cilium_*",
    "weave",
    "nodelocaldns",
    "kube-bridge",
    "antrea-gw0",
    "ovn-k8s-mp0",
  ],
  tables: ["cilium.*"],
  chains: ["CILIUM", "WEAVE", "OLD_CILIUM"],
  folders: [],
};
