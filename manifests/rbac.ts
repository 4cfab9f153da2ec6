export interface Subject {
  readonly kind: "User" | "Group";
  readonly name: string;
}

/** A role given to a user or a group in the whole cluster. */
export interface Binding {
  readonly name: string;
  readonly subject: Subject;
  /** Who had the role in the last release, and needs it until the turn of its node has come. */
  readonly formerly?: Subject;
  readonly role: string;
}

/**
 * What kubeadm binds and bare programs lack. The certificate of a new node is approved by the admit step and by nobody
 * else, so that holding a token is not enough to become any node; a node renews its own client certificate, and the
 * approver on the masters renews what it serves with.
 */
export const clusterRoleBindings: readonly Binding[] = [
  {
    name: "kubeadm:cluster-admins",
    subject: { kind: "Group", name: "kubeadm:cluster-admins" },
    role: "cluster-admin",
  },
  {
    // Without it the kubelet answers logs, exec and port-forward with 403 since Kubernetes 1.36.1.
    name: "kubeadm:apiserver-kubelet-client",
    subject: { kind: "User", name: "kube-apiserver-kubelet-client" },
    role: "system:kubelet-api-admin",
  },
  {
    name: "kubeadm:kubelet-bootstrap",
    subject: { kind: "Group", name: "system:bootstrappers:kubeadm:default-node-token" },
    role: "system:node-bootstrapper",
  },
  {
    name: "kubeadm:node-autoapprove-certificate-rotation",
    subject: { kind: "Group", name: "system:nodes" },
    role: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
  },
  // flanneld asks as its node, which may change its own Node anyway, and that alone.
  {
    name: "flannel",
    subject: { kind: "Group", name: "system:nodes" },
    formerly: { kind: "User", name: "system:flannel" },
    role: "flannel",
  },
  {
    name: "groundwork-approver",
    subject: { kind: "User", name: "groundwork-approver" },
    role: "groundwork-approver",
  },
];

const certificates = { apiGroups: ["certificates.k8s.io"] };

/** Rules of the roles that Kubernetes does not bring along, by name. */
export const clusterRoles = {
  // Since Kubernetes 1.32 a node sees itself only; its network must know where the others are.
  flannel: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] }],
  // Serving certificates of kubelets, and nothing else.
  "groundwork-approver": [
    { ...certificates, resources: ["certificatesigningrequests"], verbs: ["list"] },
    { ...certificates, resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
    {
      ...certificates,
      resources: ["signers"],
      resourceNames: ["kubernetes.io/kubelet-serving"],
      verbs: ["approve"],
    },
    {
      apiGroups: [""],
      resources: ["configmaps"],
      resourceNames: ["groundwork-nodes"],
      verbs: ["get"],
    },
  ],
};
