import { z } from "zod";
import * as field from "./fields";
import { versionOf } from "./kubernetesFields";
import {
  badContainerd,
  badEtcd,
  badRunc,
  calicoMinors,
  containerdMinors,
  etcdMinors,
  flannelMinors,
  newestRuntime,
  runcMinors,
  versions as released,
} from "./versions";

/** `cluster.artifacts`. */
export const artifacts = z
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
        "SHA-256 checksums of files the nodes download, by <upstream host>/<upstream path>, before those that come with the release; see Checksums.",
      ),
  })
  .prefault({})
  .describe("Places nodes download programs from, and what these must be.");

/** `cluster.versions`. */
export const versions = z
  .strictObject({
    etcd: versionOf(etcdMinors, released.etcd, badEtcd)
      .default(released.etcd)
      .describe("Version of etcd, in full; a change rolls through the masters one by one."),
    flannel: versionOf(flannelMinors, released.flannel)
      .default(released.flannel)
      .describe("Version of flannel, in full; a change rolls through all nodes as a setting does."),
    calico: versionOf(calicoMinors, released.calico)
      .default(released.calico)
      .describe(
        "Version of Calico, in full; a change is applied at once, and Calico's own DaemonSet has one node after the other follow.",
      ),
    containerd: versionOf(containerdMinors, newestRuntime.containerd, badContainerd)
      .optional()
      .describe(
        "Version of containerd, in full; a change rolls through all nodes, and pods run on. Default: the distribution's.",
      ),
    runc: versionOf(runcMinors, newestRuntime.runc, badRunc)
      .optional()
      .describe(
        "Version of runc, in full, by which containers are started from then on. Default: the distribution's.",
      ),
  })
  .prefault({})
  .describe("Versions of what nodes run beside Kubernetes; see Versions.");

/** `cluster.images`. */
export const images = z
  .strictObject({
    pause: field.imageName.optional().describe("Image that holds a pod's network."),
    coredns: field.imageName.optional().describe("Image of the cluster's DNS."),
  })
  .prefault({})
  .describe(
    "Images the cluster itself runs, where they are not upstream's own: in full, with tag or digest.",
  );

/** `cluster.proxy`. */
export const proxy = z
  .strictObject({
    http: field.proxyUrl
      .optional()
      .describe("URL of the proxy for http; default: none is asked for http."),
    https: field.proxyUrl
      .optional()
      .describe("URL of the proxy for https; default: none is asked for https."),
    no_proxy: z
      .array(field.proxyException)
      .default([])
      .describe(
        "Names, domains (.example.org), addresses and networks that are asked directly, besides what is computed; see Proxy.",
      ),
  })
  .optional()
  .describe("Proxy by which nodes get packages, programs and images; default: the machine's own.");

const mirror = z
  .strictObject({
    url: field.baseUrl.describe("URL of the mirror."),
    override_path: z
      .boolean()
      .default(false)
      .describe(
        "Switch (true or false) to take the URL's path for the whole root of the registry's API, to which /v2 is not added.",
      ),
  })
  .describe("Mirror with a URL.");

/** `cluster.registries`: what is known of a registry's host, be it asked itself or as a mirror of another. */
export const registries = z
  .record(
    field.registryName,
    z
      .strictObject({
        mirrors: z
          .array(mirror)
          .default([])
          .describe("Mirrors, tried in order before the registry itself."),
        username: z
          .string()
          .min(1, "is empty; give the user's name, or leave it out")
          .refine(
            (name) => !/\p{Cc}/u.test(name),
            "holds control characters; give the user's name alone",
          )
          .optional()
          .describe("User to log in as."),
        password_file: field.secretFile
          .optional()
          .describe(
            "File with the user's password or token; relative to this file's folder, or below ~/.",
          ),
        ca_file: field.secretFile
          .optional()
          .describe(
            "File with the certificates of who signed the host's, in PEM; default: whom the nodes trust anyway.",
          ),
        skip_verify: z
          .boolean()
          .default(false)
          .describe(
            "Switch (true or false) to believe whoever answers in the host's name: its certificate is not checked, and http will do.",
          ),
      })
      .describe("Settings of this host."),
  )
  .default({})
  .describe(
    "Image registries and mirrors, by host name as in image names; _default has the mirrors of all others.",
  );

/** `cluster.registry_mirrors`. */
export const registryMirrors = z
  .record(
    field.registryName,
    z.array(field.baseUrl.describe("URL of a mirror.")).describe("List of mirror URLs."),
  )
  .default({})
  .describe("Short form of registries.HOST.mirrors: for each registry's host name URLs.");
