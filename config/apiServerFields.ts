import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { didYouMean } from "./didYouMean";
import * as field from "./fields";
import { show } from "./issues";
import { extraArgs } from "./kubernetesFields";

/**
 * `cluster.kubernetes.api_server`. What stands below `jwt` and `event_rate_limits` is Kubernetes' own and has its names there;
 * it is judged by the rules of Kubernetes, which would not start with what breaks them.
 */

const httpsUrl = field.checked((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== "https:" || /\s/.test(value))
    return "is not a URL that begins with https://; give one, such as https://login.example.org";
  return url.username || url.password || value.includes("?") || value.includes("#")
    ? "has a user, a query or a fragment; give it without"
    : undefined;
});

const certificates = field.checked((text) => {
  if (text.includes("PRIVATE KEY-----"))
    return "is a private key, which belongs in no file; give the authority's certificate alone";
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (!blocks)
    return "is not a certificate in PEM; give the authority's text under 'certificateAuthority: |'";
  try {
    blocks.forEach((block) => new X509Certificate(block));
    return undefined;
  } catch {
    return "holds a certificate that is damaged or cut short; copy it again";
  }
});

const claim = z.string().min(1, "is empty; give the name of a claim");
const expression = z.string().min(1, "is empty; give an expression in CEL");

/** What a mapping breaks, or nothing. */
type Rule<T> = (value: T) => string | undefined;
const rule =
  <T>(problem: Rule<T>) =>
  (ctx: z.core.ParsePayload<T>) => {
    const message = problem(ctx.value);
    if (message !== undefined) ctx.issues.push({ code: "custom", message, input: ctx.value });
  };

/** That no entry of a list is there twice, by what tells them apart. */
const onceEach = <T>(key: (one: T) => string | undefined) =>
  rule<readonly T[]>((list) => {
    const keys = list.flatMap((one) => key(one) ?? []);
    const twice = keys.find((one, i) => keys.indexOf(one) < i);
    return twice === undefined ? undefined : `has ${show(twice)} twice; remove one`;
  });

interface Source {
  readonly claim?: string | undefined;
  readonly expression?: string | undefined;
}
const either: Rule<Source> = (value) =>
  (value.claim === undefined) === (value.expression === undefined)
    ? "needs one of claim and expression; give either"
    : undefined;
const prefixed: Rule<Source & { readonly prefix?: string | undefined }> = (value) => {
  const problem = either(value);
  if (problem !== undefined) return problem;
  if ((value.claim === undefined) === (value.prefix === undefined)) return undefined;
  return value.claim === undefined
    ? "has a prefix beside expression; put it into the expression"
    : 'needs a prefix beside claim; give one, such as "oidc:", or "" for none';
};

const source = {
  claim: claim.optional().describe("Claim whose value it is; or expression."),
  expression: expression.optional().describe("CEL expression over claims whose value it is."),
};
const prefixedSource = z
  .strictObject({
    ...source,
    prefix: z
      .string()
      .optional()
      .describe('Text put before the claim\'s value, needed beside claim; "" for none.'),
  })
  .check(rule(prefixed));
const message = z.string().optional().describe("Text of the error when it is not true.");

const issuer = z
  .strictObject({
    url: httpsUrl.describe("URL of the issuer, as in the claim iss."),
    discoveryURL: httpsUrl
      .optional()
      .describe("URL of its discovery document; default: below url."),
    certificateAuthority: certificates
      .optional()
      .describe("Certificate of the authority it is verified by, PEM; default: the system's."),
    audiences: z
      .array(z.string().min(1, "is empty; give the client's id").describe("Audience of a token."))
      .min(1, "is empty; give at least one audience, which is the client's id")
      .describe("List of audiences, one of which a token must be for."),
    audienceMatchPolicy: z
      .enum(["MatchAny"])
      .optional()
      .describe("Word MatchAny, needed where there are several audiences."),
  })
  .check(
    rule(({ url, discoveryURL, audiences, audienceMatchPolicy }) => {
      if (url === discoveryURL) return "has url as discoveryURL; leave discoveryURL out";
      if (new Set(audiences).size < audiences.length) return "has an audience twice; remove one";
      return audiences.length > 1 && audienceMatchPolicy === undefined
        ? "has several audiences; add audienceMatchPolicy: MatchAny"
        : undefined;
    }),
  )
  .describe("Issuer of the tokens.");

const claimValidationRule = z
  .strictObject({
    claim: claim.optional().describe("Claim that a token must have; or expression."),
    requiredValue: z.string().optional().describe("Value that the claim must have; default: none."),
    expression: expression.optional().describe("CEL expression over claims that must be true."),
    message,
  })
  .check(
    rule((value) => {
      const problem = either(value);
      if (problem !== undefined) return problem;
      const other = value.claim === undefined ? "requiredValue" : "message";
      return value[other] === undefined
        ? undefined
        : `has ${other}, which is for ${other === "message" ? "expression" : "claim"}; remove it`;
    }),
  )
  .describe("Rule about claims.");

const extraKey = field.checked((key) => {
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[a-z0-9._~!$&'()*+,;=:@/-]+$/.test(key))
    return "is not a key of extra; give a domain, a slash and a name in lower case, such as example.org/team";
  return /^([^/]*\.)?(kubernetes|k8s)\.io\//.test(key)
    ? "is a key of Kubernetes' own; give one of your domain"
    : undefined;
});

const jwt = z
  .strictObject({
    issuer,
    claimValidationRules: z
      .array(claimValidationRule)
      .check(onceEach(({ claim, expression }) => claim ?? expression))
      .optional()
      .describe("List of what a token's claims must be."),
    claimMappings: z
      .strictObject({
        username: prefixedSource.describe("Name of the user."),
        groups: prefixedSource.optional().describe("Groups of the user; default: none."),
        uid: z
          .strictObject(source)
          .check(rule(either))
          .optional()
          .describe("Id of the user; default: none."),
        extra: z
          .array(
            z
              .strictObject({
                key: extraKey.describe("Key of the attribute, such as example.org/team."),
                valueExpression: expression.describe("CEL expression over claims for its value."),
              })
              .describe("Attribute of the user."),
          )
          .check(onceEach(({ key }) => key))
          .optional()
          .describe("List of further attributes of the user."),
      })
      .describe("Rules by which claims become a user."),
    userValidationRules: z
      .array(
        z
          .strictObject({
            expression: expression.describe("CEL expression over user that must be true."),
            message,
          })
          .describe("Rule about users."),
      )
      .check(onceEach(({ expression }) => expression))
      .optional()
      .describe("List of what a user must be."),
  })
  .describe("Issuer whose tokens are taken, as in Kubernetes' AuthenticationConfiguration.");

const authentication = z
  .strictObject({
    jwt: z
      .array(jwt)
      .default([])
      .describe("List of issuers (OIDC) whose tokens are taken; nobody becomes system:... by one."),
  })
  .prefault({})
  .describe("Ways to log in beside client certificates and ServiceAccounts.");

/** Plugins that are off unless somebody asks for them, and need no file that the cluster file cannot give. */
const plugins = [
  "AlwaysPullImages",
  "DenyServiceExternalIPs",
  "EventRateLimit",
  "ExtendedResourceToleration",
  "LimitPodHardAntiAffinityTopology",
  "NamespaceAutoProvision",
  "NamespaceExists",
  "OwnerReferencesPermissionEnforcement",
  "PodNodeSelector",
  "PodTolerationRestriction",
];

/** Plugins that are on whatever the file says. */
const alwaysOn = [
  "CertificateApproval",
  "CertificateSigning",
  "CertificateSubjectRestriction",
  "ClusterTrustBundleAttest",
  "DefaultIngressClass",
  "DefaultStorageClass",
  "DefaultTolerationSeconds",
  "LimitRanger",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionWebhook",
  "NamespaceLifecycle",
  "NodeRestriction",
  "PersistentVolumeClaimResize",
  "PodSecurity",
  "Priority",
  "ResourceQuota",
  "RuntimeClass",
  "ServiceAccount",
  "StorageObjectInUseProtection",
  "TaintNodesByCondition",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionWebhook",
];
const plugin = field
  .checked((name) => {
    if (plugins.includes(name)) return undefined;
    if (alwaysOn.includes(name)) return "is on anyway; remove it";
    const meant = didYouMean(name, plugins);
    return `is not one of ${plugins.join(", ")}; ${meant === undefined ? "give one of these" : `did you mean ${meant}?`}`;
  })
  .meta({ enum: plugins });

const level = z.enum(["privileged", "baseline", "restricted"]);
const count = z.number().int().min(1, "is too small; give a whole number from 1");

const admission = z
  .strictObject({
    plugins: z
      .array(plugin)
      .default([])
      .describe(
        "List of admission plugins beside those that are on: Kubernetes' defaults and NodeRestriction.",
      ),
    pod_security: z
      .strictObject({
        enforce: level
          .default("baseline")
          .describe(
            "Level of Pod Security that pods must keep to where their namespace names none.",
          ),
        audit: level
          .optional()
          .describe("Level whose breaches the audit log shows; default: enforce."),
        warn: level.optional().describe("Level whose breaches clients are told; default: enforce."),
        exempt_namespaces: z
          .array(field.name.describe("Name of a namespace."))
          .default([])
          .describe(
            "List of namespaces in which every pod is let in, beside kube-system and, with Ceph, ceph-csi.",
          ),
      })
      .prefault({})
      .describe("Pod Security where a namespace's labels say nothing."),
    event_rate_limits: z
      .array(
        z
          .strictObject({
            type: z
              .enum(["Server", "Namespace", "User", "SourceAndObject"])
              .describe("Kind of limit: what shares one allowance."),
            qps: count.describe("Events a second."),
            burst: count.describe("Events at once."),
            cacheSize: count.optional().describe("Allowances that are remembered; default: 4096."),
          })
          .describe("Limit of the admission plugin EventRateLimit."),
      )
      .min(1, "is empty; give a limit, or remove it")
      .optional()
      .describe(
        "List of limits for the plugin EventRateLimit; default: 50 a second and 100 at once for each namespace and each user.",
      ),
  })
  .prefault({})
  .describe("Admission: what is let into the cluster.");

/** A name or an address in a certificate. */
export const subjectAlternativeName = z.string().refine((value) => {
  const name = value.replace(/^\*\./, "");
  return field.isHost(name) && (name === value || /[a-z]/.test(name));
}, "is neither an IPv4 address nor a DNS name; give one without https:// and port, such as api.example.org");

export const apiServer = z
  .strictObject({
    cert_sans: z
      .array(
        subjectAlternativeName.describe("Name or address by which clients call the API server."),
      )
      .default([])
      .describe(
        "Further names and addresses in the API servers' certificates, such as a public one, a VPN's and a virtual IP.",
      ),
    extra_args: extraArgs("kube-apiserver"),
    authentication,
    admission,
    audit_policy_file: z
      .string()
      .optional()
      .describe(
        "File with an audit policy in place of Groundwork's; relative to this file's folder, or below ~/.",
      ),
  })
  .prefault({})
  .describe("Settings of the API servers; a change rolls through the masters one by one.");

/** One entry of `authentication.jwt`. */
export type JwtAuthenticator = z.output<typeof jwt>;
