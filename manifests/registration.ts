const name = "groundwork-nodes";
const requests = "groundwork-requests";

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

/**
 * Krustlet calls its requests by its node's name, and what it serves with NAME-tls: what another had put there it would wait
 * for, or take for its own.
 */
export const requestNamesPolicy = (nodes: readonly string[]) => ({
  metadata: { name: requests },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ["certificates.k8s.io"],
          apiVersions: ["v1"],
          operations: ["CREATE"],
          resources: ["certificatesigningrequests"],
        },
      ],
    },
    variables: [
      {
        name: "owners",
        expression: `{${nodes.flatMap((node) => [`'${node}': '${node}'`, `'${node}-tls': '${node}'`]).join(", ")}}`,
      },
    ],
    validations: [
      {
        // What is called so without a name of its own is called otherwise in the end.
        expression:
          "!has(object.metadata.name) || !(object.metadata.name in variables.owners) || " +
          "request.userInfo.username == 'system:node:' + variables.owners[object.metadata.name] || " +
          "request.userInfo.username.startsWith('system:bootstrap:') && variables.owners[object.metadata.name] == object.metadata.name",
        messageExpression:
          "object.metadata.name + ' is what node ' + variables.owners[object.metadata.name] + ' calls its own'",
        reason: "Forbidden",
      },
    ],
  },
});

export const requestNamesBinding = {
  metadata: { name: requests },
  spec: { policyName: requests, validationActions: ["Deny"] },
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
