import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import {
  admissionConfiguration,
  authenticationConfiguration,
} from "../../steps/control-plane/access";
import { badIssuers, goodIssuer } from "./badIssuers";
import { type FileData, planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

const at = (path: string) => [
  "cluster",
  "kubernetes",
  "api_server",
  ...path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
];
const file = (path: string, value: unknown) => withValue(sampleFile(), at(path), value);
const where = "cluster.kubernetes.api_server";

describe("an issuer of tokens", () => {
  const jwt = (value: unknown) => file("authentication.jwt", value);
  const good: FileData = goodIssuer;

  it("is taken as Kubernetes describes one", () => {
    assert.deepEqual(problemsOf(jwt([goodIssuer])), []);
  });

  for (const [path, value, line] of badIssuers)
    it(`is refused for ${path} ${JSON.stringify(value)}, in words`, () => {
      const parts = path.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      const problems = problemsOf(jwt([withValue(good, parts, value)]));
      assert.deepEqual(problems, [`${where}.authentication.jwt[0].${line}`]);
    });

  it("is known by a certificate, and its authority's key is kept", () => {
    const key = "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n";
    const problems = problemsOf(jwt([withValue(good, ["issuer", "certificateAuthority"], key)]));
    assert.deepEqual(problems, [
      `${where}.authentication.jwt[0].issuer.certificateAuthority: "-----BEGIN EC PRIVATE KEY-----..." is a private key, which belongs in no file; give the authority's certificate alone`,
    ]);
  });

  it("stands in the file once", () => {
    assert.deepEqual(problemsOf(jwt([goodIssuer, goodIssuer])), [
      `${where}.authentication.jwt[1].issuer.url: https://login.example.org is another entry's, too; give one entry for an issuer`,
    ]);
  });

  it("makes nobody one of Kubernetes' own users, whose rules it may have itself", () => {
    const rules = (issuer: FileData) => {
      const { apiServer } = planOf(jwt([issuer])).kubernetes;
      const { jwt: issuers } = parse(authenticationConfiguration(apiServer)) as {
        jwt: { userValidationRules: { expression: string }[] }[];
      };
      return issuers.map((one) => one.userValidationRules.map(({ expression }) => expression));
    };
    const own = [
      "!user.username.startsWith('system:')",
      "user.groups.all(group, !group.startsWith('system:'))",
    ];
    assert.deepEqual(rules(good), [["user.username != 'oidc:nobody'", ...own]]);
    const [first = "", second = ""] = own;
    const said = withValue(good, ["userValidationRules"], [{ expression: second }]);
    assert.deepEqual(rules(said), [[second, first]]);
  });

  it("may have words that YAML would take for something else", () => {
    const text = authenticationConfiguration({
      jwt: [
        {
          issuer: { url: "https://a.example.org", audiences: ["on"] },
          claimMappings: { username: { claim: "yes", prefix: "no" } },
        },
      ],
    });
    assert.match(text, /- "on"/);
    assert.match(text, /claim: "yes"/);
  });
});

describe("the names of the API", () => {
  it("are names and addresses", () => {
    const names = ["api.example.org", "*.example.org", "203.0.113.7"];
    assert.deepEqual(problemsOf(file("cert_sans", names)), []);
    for (const bad of [
      "https://api.example.org",
      "10.0.0.300",
      "*",
      "*.1",
      "api.example.org:6443",
      "a b",
    ])
      assert.match(
        problemsOf(file("cert_sans", [bad])).join(),
        /cert_sans\[0\]: .* is neither an IPv4 address nor a DNS name; give one without https:\/\/ and port/,
        bad,
      );
  });
});

describe("admission", () => {
  const configuration = (path: string, value: unknown) =>
    parse(admissionConfiguration(planOf(file(path, value)).kubernetes.apiServer)) as {
      plugins: { name: string; configuration: object }[];
    };
  const podSecurity = (value: object, ...exempt: string[]) => [
    {
      name: "PodSecurity",
      configuration: {
        apiVersion: "pod-security.admission.config.k8s.io/v1",
        kind: "PodSecurityConfiguration",
        defaults: value,
        exemptions: { namespaces: exempt },
      },
    },
  ];

  it("keeps to the level baseline, but for what the cluster itself runs", () => {
    const baseline = { enforce: "baseline", audit: "baseline", warn: "baseline" };
    const { plugins } = configuration("extra_args", {});
    assert.deepEqual(plugins, podSecurity(baseline, "kube-system"));
    const ceph = withValue(sampleFile(), ["nodes", 0, "roles"], ["master", "ceph-mon"]);
    const { apiServer } = planOf(ceph).kubernetes;
    assert.deepEqual(apiServer.podSecurity.exemptNamespaces, ["ceph-csi", "kube-system"]);
  });

  it("keeps to what the file says", () => {
    const { plugins } = configuration("admission.pod_security", {
      enforce: "privileged",
      warn: "restricted",
      exempt_namespaces: ["monitoring", "kube-system"],
    });
    const levels = { enforce: "privileged", audit: "privileged", warn: "restricted" };
    assert.deepEqual(plugins, podSecurity(levels, "kube-system", "monitoring"));
  });

  it("has limits for events by a word, or by the file's own", () => {
    const limits = (value: object) => configuration("admission", value).plugins[1]?.configuration;
    const plugins = ["EventRateLimit"];
    const header = {
      apiVersion: "eventratelimit.admission.k8s.io/v1alpha1",
      kind: "Configuration",
    };
    assert.equal(limits({}), undefined);
    const [namespace, user] = ["Namespace", "User"].map((type) => ({ type, qps: 50, burst: 100 }));
    assert.deepEqual(limits({ plugins }), { ...header, limits: [namespace, user] });
    const own = [{ type: "Server", qps: 1, burst: 2 }];
    assert.deepEqual(limits({ plugins, event_rate_limits: own }), { ...header, limits: own });
    assert.deepEqual(problemsOf(file("admission", { event_rate_limits: own })), [
      `${where}.admission.event_rate_limits: limits nothing without its plugin; add EventRateLimit to plugins, or remove it`,
    ]);
  });

  it("has only plugins that can be had, once each", () => {
    const { apiServer } = planOf(
      file("admission.plugins", ["EventRateLimit", "AlwaysPullImages", "AlwaysPullImages"]),
    ).kubernetes;
    assert.deepEqual(apiServer.admissionPlugins, ["AlwaysPullImages", "EventRateLimit"]);
    const said = (name: string) => problemsOf(file("admission.plugins", [name])).join();
    assert.match(said("AlwaysPullImage"), /did you mean AlwaysPullImages\?/);
    for (const name of ["AlwaysDeny", "AlwaysAdmit", "ImagePolicyWebhook"])
      assert.match(said(name), /is not one of AlwaysPullImages, DenyServiceExternalIPs/, name);
    assert.match(said("NodeRestriction"), /NodeRestriction is on anyway; remove it/);
    assert.match(said("PodSecurity"), /PodSecurity is on anyway; remove it/);
  });
});

describe("an audit policy of one's own", () => {
  const name = "audit.yaml";
  const metadata = { level: "Metadata" };
  const problems = (rules: unknown, more: object = {}) =>
    problemsOf(file("audit_policy_file", name), {
      [name]: stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules, ...more }),
    }).map((line) => line.replace(`${where}.audit_policy_file: ${name} `, ""));

  it("is taken as Kubernetes describes one, without comments", () => {
    const policy =
      "# ours\napiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Metadata }]\n";
    const { auditPolicy } = planOf(file("audit_policy_file", name), { [name]: policy }).kubernetes
      .apiServer;
    assert.deepEqual(auditPolicy, {
      apiVersion: "audit.k8s.io/v1",
      kind: "Policy",
      rules: [metadata],
    });
  });

  it("that is not there, is no YAML or no policy is refused with what is wrong", () => {
    assert.match(
      problemsOf(file("audit_policy_file", "missing.yaml")).join(),
      /audit_policy_file: missing\.yaml cannot be read \(that is \/.*\): ENOENT; give the path/,
    );
    const text = (content: string) =>
      problemsOf(file("audit_policy_file", name), { [name]: content });
    assert.match(text("rules: [").join(), /audit\.yaml is not YAML: .*; mend it there/);
    assert.match(text("").join(), /audit\.yaml is no audit policy: /);
    const one = (rules: unknown, more?: object) => problems(rules, more).join();
    assert.match(one([metadata], { kind: "Pod" }), /is no audit policy: kind: Pod .*Policy/);
    assert.match(one([metadata], { rulez: [] }), /rulez is not known here; did you mean rules\?/);
    assert.match(one([]), /rules: is empty; give at least one rule/);
    assert.match(one([{ level: "All" }]), /rules\[0\]\.level: All is not one of None, Metadata/);
    assert.match(
      one([{ ...metadata, verb: ["get"] }]),
      /verb is not known here; did you mean verbs/,
    );
    assert.match(one([{ ...metadata, nonResourceURLs: ["/a*b"] }]), /is no path of the API/);
    assert.match(
      one([{ ...metadata, nonResourceURLs: ["/a"], namespaces: ["b"] }]),
      /rules\[0\]: has nonResourceURLs beside resources or namespaces; make two rules of it/,
    );
    assert.match(
      one([{ ...metadata, resources: [{ resourceNames: ["a"] }] }]),
      /rules\[0\]\.resources\[0\]: has resourceNames without resources/,
    );
  });

  const about = (level: string, resources: object[], more: object = {}) => ({
    level,
    resources,
    ...more,
  });
  const secrets = { group: "", resources: ["secrets"] };
  const tokens = [
    { group: "", resources: ["secrets", "serviceaccounts/token"] },
    { group: "authentication.k8s.io" },
  ];

  it("that writes down what is secret is refused, with the rule", () => {
    for (const [rules, index, what] of [
      [[{ level: "Request" }], 0, "secrets"],
      [
        [{ level: "None", nonResourceURLs: ["/livez"] }, { level: "RequestResponse" }],
        1,
        "secrets",
      ],
      [[about("Request", [{ group: "", resources: ["*"] }])], 0, "secrets"],
      [[about("Request", [{ group: "*" }])], 0, "secrets"],
      [[about("Metadata", [secrets], { users: ["a"] }), { level: "Request" }], 1, "secrets"],
      [
        [about("Metadata", [{ ...secrets, resourceNames: ["a"] }]), { level: "Request" }],
        1,
        "secrets",
      ],
      [[about("Metadata", [secrets]), { level: "Request" }], 1, "serviceaccounts/token"],
      [
        [about("Metadata", [secrets]), about("Request", [{ group: "", resources: ["*/token"] }])],
        1,
        "serviceaccounts/token",
      ],
      [[about("Metadata", [{ group: "" }]), { level: "Request" }], 1, "tokenreviews"],
    ] as const) {
      const { level } = rules[index] as { level: string };
      assert.deepEqual(problems(rules), [
        `writes Secrets or tokens into the log (rules[${index}] takes in ${what} at level ${level}); put a rule of level Metadata for them before it`,
      ]);
    }
    for (const rules of [
      [about("Metadata", tokens), { level: "RequestResponse" }],
      [{ level: "None" }, { level: "RequestResponse" }],
      [about("Request", [{ group: "", resources: ["configmaps", "pods/exec"] }])],
      [{ level: "Request", nonResourceURLs: ["/x"] }],
    ])
      assert.deepEqual(problems(rules), []);
  });
});
