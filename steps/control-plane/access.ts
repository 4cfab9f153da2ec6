import { stringify } from "yaml";
import type { AuditPolicy } from "../../config/auditPolicy";
import type { ApiServerPlan } from "../../config/plan";

/** A file of the API server. Words such as `on`, which an operator may have written, are no text to it without quotes. */
const render = (file: object) => stringify(file, { version: "1.1" });

/** Whatever an issuer says, it makes nobody one of Kubernetes' own users, such as system:masters. */
const noSystemUsers = [
  {
    expression: "!user.username.startsWith('system:')",
    message: "system: is Kubernetes' own",
  },
  {
    expression: "user.groups.all(group, !group.startsWith('system:'))",
    message: "system: is Kubernetes' own",
  },
];

/** Anonymous requests may ask for health and nothing else (CIS 1.2.1). */
export function authenticationConfiguration({ jwt }: Pick<ApiServerPlan, "jwt">): string {
  return render({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthenticationConfiguration",
    ...(jwt.length > 0 && {
      jwt: jwt.map((one) => {
        const own = one.userValidationRules ?? [];
        const said = own.map(({ expression }) => expression);
        // Kubernetes takes no rule twice.
        const added = noSystemUsers.filter(({ expression }) => !said.includes(expression));
        return { ...one, userValidationRules: [...own, ...added] };
      }),
    }),
    anonymous: {
      enabled: true,
      conditions: [{ path: "/livez" }, { path: "/readyz" }, { path: "/healthz" }],
    },
  });
}

/** What is let in where no namespace says otherwise, and what the plugins that need settings are told. */
export function admissionConfiguration({ podSecurity, eventRateLimits }: ApiServerPlan): string {
  const { enforce, audit, warn, exemptNamespaces } = podSecurity;
  return render({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AdmissionConfiguration",
    plugins: [
      {
        name: "PodSecurity",
        configuration: {
          apiVersion: "pod-security.admission.config.k8s.io/v1",
          kind: "PodSecurityConfiguration",
          defaults: { enforce, audit, warn },
          exemptions: { namespaces: exemptNamespaces },
        },
      },
      ...(eventRateLimits.length === 0
        ? []
        : [
            {
              name: "EventRateLimit",
              configuration: {
                apiVersion: "eventratelimit.admission.k8s.io/v1alpha1",
                kind: "Configuration",
                limits: eventRateLimits,
              },
            },
          ]),
    ],
  });
}

/**
 * Who did what (CIS 3.2.2): bodies for changes of access and for certificate requests, who asked of all that is secret,
 * silence for the cluster's own chatter.
 */
const ownPolicy: AuditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    {
      level: "None",
      nonResourceURLs: ["/livez*", "/readyz*", "/healthz*", "/version", "/metrics"],
    },
    // Before the silence: nodes and controllers read them, too.
    { level: "Metadata", resources: [{ group: "", resources: ["secrets"] }] },
    {
      level: "None",
      users: [
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "system:kube-proxy",
        "system:apiserver",
      ],
      verbs: ["get", "list", "watch"],
    },
    { level: "None", userGroups: ["system:nodes"], verbs: ["get", "list", "watch"] },
    { level: "None", resources: [{ group: "coordination.k8s.io", resources: ["leases"] }] },
    {
      level: "None",
      resources: [
        { group: "", resources: ["events"] },
        { group: "events.k8s.io", resources: ["events"] },
      ],
    },
    {
      level: "Metadata",
      resources: [
        { group: "", resources: ["configmaps", "serviceaccounts/token"] },
        { group: "authentication.k8s.io", resources: ["tokenreviews"] },
      ],
    },
    {
      level: "RequestResponse",
      verbs: ["create", "update", "patch", "delete"],
      resources: [{ group: "rbac.authorization.k8s.io" }, { group: "certificates.k8s.io" }],
    },
    { level: "Metadata" },
  ],
};

export const auditPolicy = ({ auditPolicy = ownPolicy }: Pick<ApiServerPlan, "auditPolicy">) =>
  render(auditPolicy);
