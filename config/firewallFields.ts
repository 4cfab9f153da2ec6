import { z } from "zod";
import * as field from "./fields";

/** What the cluster's own ports take from others: `cluster.networking.firewall`. */
export const firewall = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "Whether what the cluster listens at for its nodes (etcd, kubelets, the network plugin, Ceph) is closed to everybody else, by a table of nftables of its own on every node.",
      ),
    trusted: z
      .array(field.network.describe("IPv4 network, /32 for one address."))
      .default([])
      .describe(
        "Networks that may reach what nodes may, such as a monitoring server, clients of Ceph, or other addresses from which nodes send.",
      ),
    clients: z
      .array(field.network.describe("IPv4 network, /32 for one address."))
      .default([])
      .describe(
        "Networks that may reach the API and Ceph's dashboard, beside nodes, pods and trusted ones; a load balancer's and this machine's among them; default: everybody may.",
      ),
  })
  .prefault({})
  .describe(
    "Firewall of the nodes; SSH, NodePorts and all else that is not the cluster's stay as they are.",
  );
