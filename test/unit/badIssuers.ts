/** An issuer without a mistake. */
export const goodIssuer = {
  issuer: { url: "https://login.example.org", audiences: ["kubernetes"] },
  claimMappings: {
    username: { claim: "sub", prefix: "oidc:" },
    groups: { expression: "claims.?groups.orValue([])" },
    uid: { claim: "sub" },
    extra: [{ key: "example.org/team", valueExpression: "claims.team" }],
  },
  claimValidationRules: [
    { claim: "hd", requiredValue: "example.org" },
    { expression: "claims.email_verified == true", message: "unverified" },
  ],
  userValidationRules: [{ expression: "user.username != 'oidc:nobody'" }],
};

/** A certificate that ends where a hand slipped. */
const cut = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/**
 * What Kubernetes refuses of an issuer: where, the value (undefined: none), and the end of the line that is said of it, whose
 * place is named where it is another.
 */
export const badIssuers: readonly [path: string, value: unknown, line: string][] = [
  [
    "issuer.url",
    "http://login.example.org",
    "issuer.url: http://login.example.org is not a URL that begins with https://; give one, such as https://login.example.org",
  ],
  [
    "issuer.url",
    "https://login.example.org?a=b",
    'issuer.url: "https://login.example.org?a=b" has a user, a query or a fragment; give it without',
  ],
  [
    "issuer.url",
    "https://kubernetes.default.svc.cluster.local",
    "issuer.url: https://kubernetes.default.svc.cluster.local is the cluster itself, whose tokens are taken anyway; remove it",
  ],
  [
    "issuer.discoveryURL",
    "https://login.example.org",
    "issuer: has url as discoveryURL; leave discoveryURL out",
  ],
  [
    "issuer.certificateAuthority",
    "/etc/ssl/ca.pem",
    "issuer.certificateAuthority: /etc/ssl/ca.pem is not a certificate in PEM; give the authority's text under 'certificateAuthority: |'",
  ],
  [
    "issuer.certificateAuthority",
    cut,
    'issuer.certificateAuthority: "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CER..." holds a certificate that is damaged or cut short; copy it again',
  ],
  [
    "issuer.audiences",
    [],
    "issuer.audiences: is empty; give at least one audience, which is the client's id",
  ],
  [
    "issuer.audiences",
    ["a", "b"],
    "issuer: has several audiences; add audienceMatchPolicy: MatchAny",
  ],
  ["issuer.audiences", ["a", "a"], "issuer: has an audience twice; remove one"],
  [
    "claimMappings.username",
    undefined,
    "claimMappings.username: is missing; give the name of the user",
  ],
  [
    "claimMappings.username",
    {},
    "claimMappings.username: needs one of claim and expression; give either",
  ],
  [
    "claimMappings.username",
    { claim: "sub" },
    'claimMappings.username: needs a prefix beside claim; give one, such as "oidc:", or "" for none',
  ],
  [
    "claimMappings.groups",
    { claim: "groups", prefix: "", expression: "claims.groups" },
    "claimMappings.groups: needs one of claim and expression; give either",
  ],
  [
    "claimMappings.groups",
    { prefix: "x", expression: "claims.groups" },
    "claimMappings.groups: has a prefix beside expression; put it into the expression",
  ],
  [
    "claimMappings.uid",
    { claim: "sub", expression: "claims.sub" },
    "claimMappings.uid: needs one of claim and expression; give either",
  ],
  [
    "claimMappings.extra.0.key",
    "Team",
    "claimMappings.extra[0].key: Team is not a key of extra; give a domain, a slash and a name in lower case, such as example.org/team",
  ],
  [
    "claimMappings.extra.0.key",
    "a.k8s.io/team",
    "claimMappings.extra[0].key: a.k8s.io/team is a key of Kubernetes' own; give one of your domain",
  ],
  [
    "claimMappings.extra",
    [1, 2].map(() => goodIssuer.claimMappings.extra[0]),
    "claimMappings.extra: has example.org/team twice; remove one",
  ],
  [
    "claimValidationRules.0",
    { claim: "hd", message: "x" },
    "claimValidationRules[0]: has message, which is for expression; remove it",
  ],
  [
    "claimValidationRules.0",
    { expression: "true", requiredValue: "x" },
    "claimValidationRules[0]: has requiredValue, which is for claim; remove it",
  ],
  [
    "claimValidationRules.0",
    {},
    "claimValidationRules[0]: needs one of claim and expression; give either",
  ],
  [
    "claimValidationRules",
    [{ claim: "hd" }, { claim: "hd", requiredValue: "a" }],
    "claimValidationRules: has hd twice; remove one",
  ],
  [
    "userValidationRules",
    [{ expression: "true" }, { expression: "true" }],
    "userValidationRules: has true twice; remove one",
  ],
  [
    "userValidationRules.0.expression",
    "",
    'userValidationRules[0].expression: "" is empty; give an expression in CEL',
  ],
];
