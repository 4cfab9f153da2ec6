import { z } from "zod";
import { storage } from "./cephFields";
import * as field from "./fields";
import { networkInterface } from "./interfaceFields";
import { kubelet } from "./kubelet/schema";
import * as kubernetes from "./kubernetesFields";
import { nodeSsh } from "./sshFields";

const taint = z
  .strictObject({
    key: kubernetes.taintKey.describe("Key of the taint."),
    value: kubernetes.labelValue.optional().describe("Value of the taint; default: none."),
    effect: z
      .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
      .describe("Effect on pods that do not tolerate it."),
  })
  .describe("Taint with key and effect.");

/** What a node and a group of nodes may say alike. */
const settings = (whose: string) => ({
  labels: z
    .record(kubernetes.labelKey, kubernetes.labelValue.describe("Value of the label."))
    .default({})
    .describe(`Kubernetes labels of ${whose}.`),
  taints: z.array(taint).default([]).describe(`Kubernetes taints of ${whose}.`),
});

/** How often a machine was to be maintained. */
export const maintenance = z.number().int().min(0, "is too small; give a whole number from 0");

/** One entry of `groups`. */
export const group = z
  .strictObject({
    ...settings("its nodes"),
    kubelet: kubelet(
      "its nodes",
      "Settings of its nodes' kubelets; they go before those in cluster.kubernetes.kubelet.",
    ),
  })
  .describe("Mapping with what the nodes of the group have in common.");

/** One entry of `nodes`. */
export const node = z
  .strictObject({
    name: field.nodeName.describe(
      "Name of the node in the cluster, unique and for life: a new name is a new node.",
    ),
    ip: field.nodeAddress.describe("IPv4 address of the node, at which the other nodes reach it."),
    hostname: field.hostname.optional().describe("Host name the machine is given; default: name."),
    architecture: z.enum(["amd64", "arm64"]).default("amd64").describe("Processor architecture."),
    roles: z
      .array(
        z
          .enum(["master", "control-plane", "worker", "ceph-mon", "ceph-osd"])
          .transform((role) => (role === "control-plane" ? "master" : role)),
      )
      .min(1, "is empty; give at least one role: master, worker, ceph-mon or ceph-osd")
      .describe(
        "Roles of the node, one or more; control-plane means master. A master takes ordinary pods only when it is a worker too.",
      ),
    managed: z
      .boolean()
      .default(true)
      .describe(
        "Switch (true or false): false for a node whose machine is somebody else's affair, which comes by a ticket (npm run ticket). Of such an entry there are name, ip, roles and cert_sans.",
      ),
    cert_sans: z
      .array(field.host.describe("Name or IPv4 address of the node."))
      .default([])
      .describe(
        "Names and addresses beside name and ip with which a node that is not managed may serve.",
      ),
    host_key: field.hostKey
      .optional()
      .describe(
        "Public SSH host key of the node, as in its /etc/ssh/ssh_host_ed25519_key.pub; a changed key means a reinstalled machine. Required of a node that is managed.",
      ),
    ssh: nodeSsh,
    via: z
      .enum(["dial", "call"])
      .default("dial")
      .describe(
        "Way in: dial, or call for a machine that nobody dials. It calls by itself (npm run seed), proves who it is by its host_key, and is reached over that connection.",
      ),
    bootstrap_address: field.nodeAddress
      .optional()
      .describe(
        "Address at which the machine answers as long as it does not have the network of interfaces; default: it always answers as ssh says.",
      ),
    interfaces: z
      .array(networkInterface)
      .default([])
      .describe(
        "Network cards, bonds and VLANs with the addresses the machine is given there; default: its network stays as it is.",
      ),
    group: field.name
      .optional()
      .describe("Name of a group in groups, whose settings the node has; default: none."),
    ...settings("the node"),
    kubelet: kubelet(
      "the node",
      "Settings of the node's kubelet; they go before those of its group and those in cluster.kubernetes.kubelet.",
    ),
    hardware: z
      .strictObject({
        mac_addresses: z
          .array(field.macAddress)
          .default([])
          .describe(
            "MAC addresses, one of which the machine must have, and each card of interfaces; empty: not checked.",
          ),
      })
      .prefault({})
      .describe("Marks that tell this machine from others."),
    storage,
    generation: z
      .number()
      .int()
      .min(1, "is too small; give a whole number from 1")
      .default(1)
      .describe("Counter to raise when the machine was reinstalled with its old host key."),
    maintenance: maintenance
      .optional()
      .describe(
        "Counter to raise when the machine is to be drained, its packages upgraded, and restarted; default: cluster.maintenance.",
      ),
    lost: z
      .boolean()
      .default(false)
      .describe(
        "Switch (true or false) to take a machine that is gone for good out of the cluster through the others, without dialling it; its entry may be deleted after the next up.",
      ),
  })
  .refine(({ managed, host_key }) => managed === false || host_key !== undefined, {
    path: ["host_key"],
    message:
      "is missing; give the public SSH host key of the node, as in its /etc/ssh/ssh_host_ed25519_key.pub",
    // Beside whatever else is wrong with the entry.
    when: ({ value }) => typeof value === "object" && value !== null && !Array.isArray(value),
  })
  .describe("Mapping that describes one machine.");
