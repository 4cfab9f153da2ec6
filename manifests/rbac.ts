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
 * What kubeadm binds and bare programs lack. Kubelets' certificates, first ones and renewals, are approved by the admission
 * service on the masters and by nobody else: neither a token nor a former certificate is enough to become a node.
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
    name: "groundwork-approver",
    subject: { kind: "User", name: "groundwork-approver" },
    role: "groundwork-approver",
  },
];

/** Where the admission service sees which ticket lets which node come that is not managed, and notes that it was used. */
export const ticketsRole = {
  name: "groundwork-tickets",
  namespace: "kube-system",
  subject: { kind: "User", name: "groundwork-approver" },
  rules: [
    {
      apiGroups: [""],
      resources: ["configmaps"],
      resourceNames: ["groundwork-tickets"],
      verbs: ["get", "patch"],
    },
  ],
};

const certificates = { apiGroups: ["certificates.k8s.io"] };

/** Rules of the roles that Kubernetes does not bring along, by name. */
export const clusterRoles = {
  // The admission service, by the name that its certificate has had from the beginning: certificates of kubelets, and
  // nothing else.
  "groundwork-approver": [
    { ...certificates, resources: ["certificatesigningrequests"], verbs: ["watch"] },
    { ...certificates, resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
    {
      ...certificates,
      resources: ["signers"],
      resourceNames: [
        "kubernetes.io/kube-apiserver-client-kubelet",
        "kubernetes.io/kubelet-serving",
      ],
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
