const name = "groundwork-nodes";

/**
 * Only a declared node registers: a machine that was removed or lost may still hold a certificate that is good for months.
 * It judges what kubelets create and nothing else. Of what they change, every few seconds, it judges nothing: without its
 * Node a kubelet has nothing to change, and a list of nodes that was lost must not stop those that are in.
 */
export const registrationPolicy = {
  metadata: { name },
  spec: {
    failurePolicy: "Fail",
    paramKind: { apiVersion: "v1", kind: "ConfigMap" },
    matchConstraints: {
      resourceRules: [
        { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["nodes"] },
      ],
    },
    matchConditions: [
      { name: "asked-by-a-node", expression: "'system:nodes' in request.userInfo.groups" },
    ],
    validations: [
      {
        expression: "has(params.data) && object.metadata.name in params.data",
        messageExpression:
          "object.metadata.name + ' is not declared in ConfigMap kube-system/groundwork-nodes'",
        reason: "Forbidden",
      },
    ],
  },
};

/** The list of declared nodes, which `invite` and `admit` write. */
export const registrationBinding = {
  metadata: { name },
  spec: {
    policyName: name,
    paramRef: { name, namespace: "kube-system", parameterNotFoundAction: "Deny" },
    validationActions: ["Deny"],
  },
};
