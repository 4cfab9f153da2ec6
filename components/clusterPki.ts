import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as tls from "@pulumi/tls";
import { isIP } from "net";
import type { ClusterPlan, NodePlan } from "../config/plan";
import type { EncryptionKey, ServiceAccountKey } from "../steps/control-plane";
import { type Authority, createAuthorities, issueCertificate, type KeyPair } from "./certificate";

export interface ClusterPkiArgs {
  readonly cluster: ClusterPlan;
  /** Whether the authorities refuse to be deleted. */
  readonly protect: boolean;
}

/** The certificates that are one master's own, because they carry its addresses. */
export interface MasterCertificates {
  readonly apiServer: KeyPair;
  readonly etcdServer: KeyPair;
  readonly etcdPeer: KeyPair;
}

/**
 * Every authority, key and certificate of the cluster, under kubeadm's names. Nothing of it is made on a node, so that
 * any node can be made again. Clients that are the same wherever they run share one certificate.
 */
export class ClusterPki extends pulumi.ComponentResource {
  /**
   * Kubernetes, etcd, front proxy and what kubelets serve with each have an authority: who is trusted by one is nobody to
   * the others. No certificate that a node asks for in order to serve can thus make it an API server.
   */
  readonly ca: Authority;
  readonly etcdCa: Authority;
  readonly frontProxyCa: Authority;
  readonly kubeletServingCa: Authority;
  /** Sign and verify service account tokens, the newest first; the same on every master. */
  readonly serviceAccountKeys: readonly ServiceAccountKey[];
  /** What Secrets are encrypted with at rest, the newest first. Former ones stay: an older snapshot of etcd needs them. */
  readonly encryptionKeys: readonly EncryptionKey[];

  readonly apiServerKubeletClient: KeyPair;
  readonly apiServerEtcdClient: KeyPair;
  readonly frontProxyClient: KeyPair;
  /** `kubernetes-admin`, whose rights are a binding that can be taken away. */
  readonly admin: KeyPair;
  /** `kubernetes-super-admin` of `system:masters`, whose rights no binding gives: for the first steps and for emergencies. */
  readonly superAdmin: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  readonly kubeProxy: KeyPair;
  /** Answers the certificate requests of kubelets, and may do nothing else. */
  readonly approver: KeyPair;

  private readonly cluster: ClusterPlan;
  private readonly prefix: string;

  constructor(name: string, args: ClusterPkiArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:ClusterPki", name, {}, opts);
    const child = { parent: this };
    const guarded = { parent: this, protect: args.protect };
    this.cluster = args.cluster;
    this.prefix = name;

    const { authorities, oldestAuthorities, serviceAccountKey } = args.cluster.kubernetes.rotations;
    const authority = (id: string, commonName: string) =>
      createAuthorities(
        `${name}-${id}`,
        commonName,
        { newest: authorities, oldest: oldestAuthorities },
        guarded,
      );
    this.ca = authority("ca", "kubernetes");
    this.etcdCa = authority("etcd-ca", "etcd-ca");
    this.frontProxyCa = authority("front-proxy-ca", "front-proxy-ca");
    this.kubeletServingCa = authority("kubelet-serving-ca", "kubelet-serving-ca");
    this.serviceAccountKeys = Array.from({ length: serviceAccountKey }, (_, i) => {
      const { publicKeyPem, privateKeyPem } = new tls.PrivateKey(
        i === 0 ? `${name}-sa` : `${name}-sa-${i + 1}`,
        { algorithm: "ECDSA", ecdsaCurve: "P256" },
        guarded,
      );
      return { number: i + 1, publicKey: publicKeyPem, privateKey: privateKeyPem };
    }).reverse();
    this.encryptionKeys = Array.from(
      { length: args.cluster.kubernetes.rotations.encryptionKey },
      (_, i) => {
        const id = i === 0 ? `${name}-encryption` : `${name}-encryption-${i + 1}`;
        const { base64: secret } = new random.RandomBytes(id, { length: 32 }, guarded);
        return { number: i + 1, secret };
      },
    ).reverse();

    const client = (id: string, authority: Authority, commonName: string, organization?: string) =>
      issueCertificate(
        `${name}-${id}`,
        { authority, commonName, organization, uses: ["client_auth"] },
        child,
      );
    this.apiServerKubeletClient = client(
      "apiserver-kubelet-client",
      this.ca,
      "kube-apiserver-kubelet-client",
    );
    this.apiServerEtcdClient = client(
      "apiserver-etcd-client",
      this.etcdCa,
      "kube-apiserver-etcd-client",
    );
    this.frontProxyClient = client("front-proxy-client", this.frontProxyCa, "front-proxy-client");
    this.admin = client("admin", this.ca, "kubernetes-admin", "kubeadm:cluster-admins");
    this.superAdmin = client("super-admin", this.ca, "kubernetes-super-admin", "system:masters");
    this.controllerManager = client(
      "controller-manager",
      this.ca,
      "system:kube-controller-manager",
    );
    this.scheduler = client("scheduler", this.ca, "system:kube-scheduler");
    this.kubeProxy = client("kube-proxy", this.ca, "system:kube-proxy");
    this.approver = client("approver", this.ca, "groundwork-approver");
    this.registerOutputs();
  }

  /** The certificates of one master. They name no other master, so that a master more or less changes none of them. */
  issueFor(master: NodePlan): MasterCertificates {
    const { networking, endpoint, kubernetes } = this.cluster;
    const local = { names: [master.name, "localhost"], addresses: [master.ip, "127.0.0.1"] };
    const etcd = (role: string) =>
      issueCertificate(
        `${this.prefix}-${master.name}-etcd-${role}`,
        {
          authority: this.etcdCa,
          commonName: master.name,
          // etcd's own proxy dials its server, so that the server's certificate is a client's too (etcd-io/etcd#9785).
          uses: ["server_auth", "client_auth"],
          dnsNames: local.names,
          ipAddresses: local.addresses,
        },
        { parent: this },
      );
    const service = "kubernetes.default.svc";
    // An endpoint that is a master's own address belongs in that master's certificate only, where it stands anyway.
    const shared = [
      ...(this.cluster.masters.some(({ ip }) => ip === endpoint.host) ? [] : [endpoint.host]),
      ...kubernetes.apiServer.certSans,
    ];
    const isAddress = (host: string) => isIP(host) !== 0;
    const unique = (values: readonly string[]) => [...new Set(values)];
    return {
      etcdServer: etcd("server"),
      etcdPeer: etcd("peer"),
      apiServer: issueCertificate(
        `${this.prefix}-${master.name}-apiserver`,
        {
          authority: this.ca,
          commonName: "kube-apiserver",
          uses: ["server_auth"],
          dnsNames: unique([
            ...local.names,
            "kubernetes",
            "kubernetes.default",
            service,
            `${service}.${networking.clusterDomain}`,
            ...shared.filter((host) => !isAddress(host)),
          ]),
          ipAddresses: unique([
            ...local.addresses,
            networking.apiServiceIp,
            ...shared.filter(isAddress),
          ]),
        },
        { parent: this },
      ),
    };
  }
}
