import { z } from "zod";
import { defaultPlugin, plugins } from "../networks";
import { apiServer } from "./apiServerFields";
import { ceph } from "./cephFields";
import { endpoint } from "./endpointFields";
import { etcd } from "./etcdFields";
import * as field from "./fields";
import { firewall } from "./firewallFields";
import * as kubernetes from "./kubernetesFields";
import { interfaceDefaults } from "./interfaceFields";
import { kubelet } from "./kubelet/schema";
import { group, maintenance, node } from "./nodeSchema";
import { preflightFindings, preflightFixes } from "./preflight";
import { clusterSsh } from "./sshFields";
import { joinService } from "./joinServiceFields";
import * as supply from "./supplyFields";

/**
 * The cluster file: types, defaults and documentation in one. The texts are what editors show, what the reference is
 * made of, and what an error about a missing value ends with: each begins with what the value is.
 */

/** Of each network plugin that has some, by its name; they are not there for the types, which know no plugin by its name. */
const settingsOfPlugins = Object.fromEntries(
  Object.values(plugins).flatMap(({ name, fields }) =>
    fields
      ? [[name, fields.optional().describe(`Settings of the network plugin ${name}.`)] as const]
      : [],
  ),
) as Record<never, never>;

const networking = z
  .strictObject({
    pod_cidr: field.network
      .default("10.244.0.0/16")
      .describe(
        "IPv4 network of the pods, of which every Kubernetes node takes a part. Fixed once the cluster exists.",
      ),
    node_cidr_mask_size: z
      .number()
      .int()
      .min(16, "is too small; give a whole number from 16 to 28")
      .max(28, "is too large; give a whole number from 16 to 28")
      .default(24)
      .describe(
        "Prefix length of the part of pod_cidr that a node takes: 24 has room for 252 pods, 25 for 124, 23 for 508. Fixed once the cluster exists.",
      ),
    service_cidr: field.network
      .default("10.96.0.0/16")
      .describe("IPv4 network of the Services, from /12 to /28. Fixed once the cluster exists."),
    plugin: z
      .enum(Object.keys(plugins))
      .default(defaultPlugin.name)
      .describe(
        `Network plugin: ${Object.values(plugins)
          .map(({ about }) => about)
          .join(", or ")}. Fixed once the cluster exists.`,
      ),
    ...settingsOfPlugins,
    cluster_domain: field.hostname
      .default("cluster.local")
      .describe("DNS domain of the Services. Fixed once the cluster exists."),
    dns_servers: z
      .array(field.serverAddress.describe("IPv4 address of a DNS server."))
      .max(15, "has more servers than the 15 that CoreDNS takes; give fewer")
      .default([])
      .describe(
        "DNS servers the cluster's DNS asks for names outside of it; default: those of the nodes it runs on.",
      ),
    stub_domains: z
      .record(
        field.hostname,
        z
          .array(field.serverAddress.describe("IPv4 address of a DNS server."))
          .min(1, "is empty; give at least one DNS server")
          .max(15, "has more servers than the 15 that CoreDNS takes; give fewer")
          .describe("DNS servers of this domain."),
      )
      .default({})
      .describe(
        "Domains whose names the cluster's DNS asks other servers for, such as a company's own.",
      ),
    interface_defaults: interfaceDefaults,
    firewall,
  })
  .prefault({})
  .describe(
    "Networks inside the cluster; they must not overlap with each other or hold a node's address.",
  );

const cluster = z
  .strictObject({
    name: field.name.describe("Name of the cluster, as in its lock on every node."),
    kubernetes: z
      .strictObject({
        version: kubernetes.kubernetesVersion.describe(
          "Version of Kubernetes, in full, such as 1.36.3.",
        ),
        rollout: kubernetes.rollout,
        rotations: kubernetes.rotations,
        api_server: apiServer,
        controller_manager: kubernetes.controllerManager,
        scheduler: kubernetes.scheduler,
        etcd: kubernetes.etcd,
        kubelet: kubelet(
          "all nodes",
          "Settings of the kubelets; a change rolls through the masters one by one, then through the workers in batches.",
        ),
        kube_proxy: kubernetes.kubeProxy,
      })
      .describe("Settings of Kubernetes itself."),
    etcd,
    networking,
    endpoint: endpoint
      .optional()
      .meta({ type: ["object", "string"] })
      .describe(
        "How clients outside the cluster find the API; a text is short for host; default: at the first master's address.",
      ),
    ssh: clusterSsh,
    join_service: joinService,
    artifacts: supply.artifacts,
    proxy: supply.proxy,
    registries: supply.registries,
    registry_mirrors: supply.registryMirrors,
    versions: supply.versions,
    images: supply.images,
    ntp_servers: z
      .array(field.ntpServer.describe("Name or address of an NTP server."))
      .default([])
      .describe(
        "NTP servers all nodes set their clocks by, with chrony where it is installed, else with systemd-timesyncd; default: clocks are left as they are.",
      ),
    maintenance: maintenance
      .default(0)
      .describe(
        "Counter to raise when all machines are to be drained, their packages upgraded, and restarted, one failure domain after the other; a node's own maintenance stands before it.",
      ),
    preflight: z
      .strictObject({
        allow: z
          .array(z.enum(preflightFindings))
          .default([])
          .describe(
            "Findings about a machine to accept, by name, instead of refusing the machine.",
          ),
        fix: z
          .array(z.enum(preflightFixes))
          .default([])
          .describe(
            "Findings to mend instead, for as long as the machine is a node: swap is switched off, and comes back when it leaves.",
          ),
      })
      .prefault({})
      .describe("Examination of each machine before anything is written to it."),
    ceph,
  })
  .describe("Settings of the cluster as a whole.");

export const clusterFile = z
  .strictObject({
    cluster,
    groups: z
      .record(field.name, group)
      .default({})
      .describe("Mapping of names to settings of groups of nodes; a node names its group."),
    nodes: z
      .array(node)
      .min(1, "is empty; give at least one node")
      .describe("List of the machines."),
  })
  .describe("Mapping with the keys cluster, groups and nodes.");

/** A cluster file that has been read: valid, with defaults filled in. */
export type ClusterFile = z.output<typeof clusterFile>;
