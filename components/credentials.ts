import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import type { Versions } from "../config/artifacts";
import { type ClusterPlan, type NodePlan, roleOf } from "../config/plan";
import { localApi } from "../config/ports";
import { admissionClient } from "../steps/control-plane/admission";
import { renderKubeconfig } from "../steps/credentials/kubeconfig";
import { authorities } from "../steps/authorities";
import { reads } from "../steps/services";
import { credentials } from "../steps/credentials";
import type { NodeFile } from "../steps/step";
import type { KeyPair } from "./certificate";
import type { ClusterPki } from "./clusterPki";
import type { Machine } from "./machine";

export interface CredentialsArgs {
  readonly cluster: ClusterPlan;
  readonly pki: ClusterPki;
  readonly machine: Machine;
}

const local = { local: localApi };
const kubernetes = "/etc/kubernetes";
const etcd = "/etc/etcd/pki";

/**
 * The secret files of a node. A worker gets the authority's certificate and its own bootstrap token; a master all that
 * its control plane needs. Modes and owners are those the CIS benchmark asks for: what etcd owns lies outside
 * `/etc/kubernetes/pki`, where everything belongs to root.
 */
export class Credentials extends pulumi.ComponentResource {
  readonly machine: Machine;
  readonly node: NodePlan;
  private readonly files: readonly NodeFile[];
  private readonly versions: Versions;

  constructor(name: string, args: CredentialsArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Credentials", name, {}, opts);
    const { cluster, pki, machine } = args;
    const { rotations } = cluster.kubernetes;
    this.machine = machine;
    this.versions = cluster.versions;
    this.node = machine.node;
    const isMaster = roleOf(machine.node) === "master";
    const kubeconfig = (path: string, user: string, client: KeyPair): NodeFile => ({
      path,
      content: pulumi.all([pki.ca.trusted, client.cert, client.key]).apply(([ca, cert, key]) =>
        renderKubeconfig({
          cluster: cluster.name,
          user,
          servers: local,
          ca,
          credentials: { cert, key },
        }),
      ),
    });
    const bootstrap = pulumi
      .all([pki.ca.trusted, machine.token.id, machine.token.secret])
      .apply(([ca, id, secret]) =>
        renderKubeconfig({
          cluster: cluster.name,
          user: "tls-bootstrap-token-user",
          servers: local,
          ca,
          credentials: { token: `${id}.${secret}` },
        }),
      );
    this.files = [
      publicFile(`${kubernetes}/pki/ca.crt`, pki.ca.trusted),
      publicFile(`${kubernetes}/pki/kubelet-serving-ca.crt`, pki.kubeletServingCa.trusted),
      kubeconfig(`${kubernetes}/kube-proxy.conf`, "system:kube-proxy", pki.kubeProxy),
      // What follows others comes when all API servers trust it, by the step `signing`.
      ...(isMaster && rotations.authorities === 1
        ? [
            file(`${kubernetes}/pki/ca.key`, pki.ca.key),
            file(`${kubernetes}/pki/kubelet-serving-ca.key`, pki.kubeletServingCa.key),
          ]
        : []),
      ...(isMaster ? masterFiles(pki, machine, kubeconfig) : []),
    ];
    const { name: node } = machine.node;
    if (rotations.authorities > 1)
      machine.run(authorities(rotations), `${node}/authorities`, { parent: this });
    machine.run(credentials({ files: this.files, bootstrap, rotations }), `${node}/credentials`, {
      parent: this,
    });
    this.registerOutputs();
  }

  /**
   * For the step that runs these services, which `files_of` in steps/lib/lib.sh reads: a line for each with its name, a digest
   * of the credentials and programs it reads, and the paths of all that it reads. The digest makes the step run again when
   * one of them is renewed; of a key of 256 bits it tells nothing.
   */
  reads(services: readonly string[]): pulumi.Output<string> {
    const programs = new Map(
      this.machine.node.artifacts.flatMap(({ sha256, installs }) =>
        installs.map(({ path }) => [path, sha256]),
      ),
    );
    // Only these: the state names for each step all resources that a value is made of.
    const wanted = new Set<string>(services.flatMap((service) => reads(service, this.versions)));
    const own = this.files.filter(({ path }) => wanted.has(path));
    const lines = pulumi.output(own).apply((files) => {
      const contents = new Map([
        ...programs,
        ...files.map(({ path, content = "" }) => [path, content] as const),
      ]);
      return services.map((service) => {
        const paths = reads(service, this.versions);
        const hash = createHash("sha256");
        for (const path of paths) hash.update(`${path}\0${contents.get(path) ?? ""}\0`);
        return [`${service}.service`, hash.digest("hex").slice(0, 32), ...paths].join(" ");
      });
    });
    return pulumi.unsecret(lines.apply((all) => all.join("\n")));
  }
}

function file(path: string, content: pulumi.Input<string>, owner?: string): NodeFile {
  return { path, content, owner };
}

function publicFile(path: string, content: pulumi.Input<string>, owner?: string): NodeFile {
  return { path, content, owner, mode: "0644" };
}

function masterFiles(
  pki: ClusterPki,
  machine: Machine,
  kubeconfig: (path: string, user: string, client: KeyPair) => NodeFile,
): NodeFile[] {
  const own = pki.issueFor(machine.node);
  const pair = (path: string, { cert, key }: KeyPair, owner?: string) => [
    publicFile(`${path}.crt`, cert, owner),
    file(`${path}.key`, key, owner),
  ];
  return [
    ...pair(`${kubernetes}/pki/apiserver`, own.apiServer),
    ...pair(`${kubernetes}/pki/apiserver-kubelet-client`, pki.apiServerKubeletClient),
    ...pair(`${kubernetes}/pki/apiserver-etcd-client`, pki.apiServerEtcdClient),
    publicFile(`${kubernetes}/pki/etcd/ca.crt`, pki.etcdCa.trusted),
    publicFile(`${kubernetes}/pki/front-proxy-ca.crt`, pki.frontProxyCa.trusted),
    ...pair(`${kubernetes}/pki/front-proxy-client`, pki.frontProxyClient),
    kubeconfig(`${kubernetes}/admin.conf`, "kubernetes-admin", pki.admin),
    kubeconfig(
      `${kubernetes}/controller-manager.conf`,
      "system:kube-controller-manager",
      pki.controllerManager,
    ),
    kubeconfig(`${kubernetes}/scheduler.conf`, "system:kube-scheduler", pki.scheduler),
    file(admissionClient, pulumi.interpolate`${pki.approver.cert}${pki.approver.key}`),
    publicFile(`${etcd}/ca.crt`, pki.etcdCa.trusted, "etcd:etcd"),
    ...pair(`${etcd}/server`, own.etcdServer, "etcd:etcd"),
    ...pair(`${etcd}/peer`, own.etcdPeer, "etcd:etcd"),
  ];
}
