import { z } from "zod";
import { apiServer } from "./apiServerFields";
import { ceph } from "./cephFields";
import * as field from "./fields";
import * as kubernetes from "./kubernetesFields";
import { node } from "./nodeSchema";
import { preflightFindings, preflightFixes } from "./preflight";
import { clusterSsh } from "./sshFields";

/**
 * The cluster file: types, defaults and documentation in one. The texts are what editors show, what the reference is
 * made of, and what an error about a missing value ends with: each begins with what the value is.
 */

const networking = z
  .strictObject({
    pod_cidr: field.network
      .default("10.244.0.0/16")
      .describe(
        "IPv4 network of the pods; every Kubernetes node takes a /24 of it. Fixed once the cluster exists.",
      ),
    service_cidr: field.network
      .default("10.96.0.0/16")
      .describe("IPv4 network of the Services, from /12 to /28. Fixed once the cluster exists."),
    plugin: z
      .enum(["flannel"])
      .default("flannel")
      .describe("Network plugin; this release has no other."),
    cluster_domain: field.hostname
      .default("cluster.local")
      .describe("DNS domain of the Services. Fixed once the cluster exists."),
  })
  .prefault({})
  .describe(
    "Networks inside the cluster; they must not overlap with each other or hold a node's address.",
  );

const artifacts = z
  .strictObject({
    base_url: field.baseUrl
      .optional()
      .describe(
        "URL of a mirror that holds files as <upstream host>/<upstream path>; default: the upstream hosts.",
      ),
    sha256: z
      .record(z.string(), field.sha256.describe("SHA-256 checksum of the file."))
      .default({})
      .describe(
        "SHA-256 checksum of each file the nodes download, by <upstream host>/<upstream path>; see Checksums.",
      ),
  })
  .prefault({})
  .describe("Places nodes download programs from, and what these must be.");

const cluster = z
  .strictObject({
    name: field.name.describe("Name of the cluster, as in its lock on every node."),
    kubernetes: z
      .strictObject({
        version: kubernetes.kubernetesVersion.describe(
          "Version of Kubernetes, in full, such as 1.36.3.",
        ),
        api_server: apiServer,
        controller_manager: kubernetes.controllerManager,
        scheduler: kubernetes.scheduler,
        etcd: kubernetes.etcd,
        kubelet: kubernetes.kubelet,
        kube_proxy: kubernetes.kubeProxy,
      })
      .describe("Settings of Kubernetes itself."),
    networking,
    endpoint: field.endpoint
      .optional()
      .describe(
        "Host and port (default 6443) at which clients outside the cluster find the API; default: the first master's address.",
      ),
    ssh: clusterSsh,
    artifacts,
    registry_mirrors: z
      .record(
        field.registryName,
        z.array(field.baseUrl.describe("URL of a mirror.")).describe("List of mirror URLs."),
      )
      .default({})
      .describe(
        "Mirrors of image registries: for each registry's host name URLs, tried in order before itself.",
      ),
    ntp_servers: z
      .array(field.ntpServer.describe("Name or address of an NTP server."))
      .default([])
      .describe(
        "NTP servers all nodes set their clocks by, with chrony where it is installed, else with systemd-timesyncd; default: clocks are left as they are.",
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
    nodes: z
      .array(node)
      .min(1, "is empty; give at least one node")
      .describe("List of the machines."),
  })
  .describe("Mapping with the keys cluster and nodes.");

/** A cluster file that has been read: valid, with defaults filled in. */
export type ClusterFile = z.output<typeof clusterFile>;
