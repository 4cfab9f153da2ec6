import { existsSync, writeFileSync } from "node:fs";
import { webcrypto, X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificatesV1Api, KubeConfig } from "@kubernetes/client-node";
import "reflect-metadata";
import { Name, PemConverter, Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { adminConfig, asAdministrator, told } from "./administrator";
import { command, main, OperatorError } from "./command";

const signer = "kubernetes.io/kube-apiserver-client";
/** Seconds that the cluster has to issue a certificate that is approved. */
const patience = 30;

export const kubeconfig = command({
  name: "kubeconfig",
  about:
    "Makes a kubeconfig for one person that is valid for some days: the key is made here, and the cluster's certificate\n" +
    "API signs for it, with the administrator's rights. What the person may do, RBAC says of the user and the groups.\n" +
    "A certificate cannot be taken back: give few days, and take the bindings away from who leaves.",
  options: {
    user: { type: "string", value: "NAME", help: "whose it is, as RBAC and the audit log have it" },
    group: {
      type: "string",
      value: "GROUP",
      multiple: true,
      default: [],
      help: "a group of the user; may be given several times",
    },
    days: {
      type: "string",
      value: "DAYS",
      default: "7",
      help: "how long it is valid, from 1 to 365; default: 7",
    },
    kubeconfig: asAdministrator,
    output: {
      type: "string",
      value: "FILE",
      help: "where it is written; default: NAME.kubeconfig",
    },
  },
  statuses: { 0: "it is written" },
  async run({ user, group: groups, days, kubeconfig: source, output }) {
    const subject = subjectOf(user, groups);
    const seconds = secondsOf(days);
    const file = output ?? `${subject.user.replaceAll(/[^A-Za-z0-9.@_-]/g, "-")}.kubeconfig`;
    if (existsSync(file)) throw exists(file);
    const admin = adminConfig(source);
    const keys = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ]);
    const certificate = await issue(admin, subject, seconds, keys);
    const key = PemConverter.encode(
      await webcrypto.subtle.exportKey("pkcs8", keys.privateKey),
      "PRIVATE KEY",
    );
    const text = render(admin, subject.user, certificate, `${key}\n`);
    try {
      writeFileSync(file, text, { mode: 0o600, flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw exists(file);
      throw new OperatorError(`${file} cannot be written: ${(error as Error).message}`);
    }
    const { validTo } = new X509Certificate(certificate);
    process.stdout.write(
      `${file} is written, for ${subject.user} at ${admin.getCurrentCluster()?.server}, until ${new Date(validTo).toISOString()}.\n` +
        `Rights come by bindings, such as: kubectl create rolebinding ${subject.user.replaceAll(/[^A-Za-z0-9-]/g, "-")} --clusterrole edit ` +
        `${groups[0] === undefined ? `--user ${subject.user}` : `--group ${groups[0]}`} --namespace NAMESPACE\n`,
    );
    return 0;
  },
});

interface Subject {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Names that Kubernetes gives its own parts would pass for these. */
function subjectOf(user: string | undefined, groups: readonly string[]): Subject {
  if (user === undefined) throw new OperatorError("whose it is must be said: --user NAME");
  for (const [option, value] of [
    ["user", user] as const,
    ...groups.map((one) => ["group", one] as const),
  ]) {
    if (value.startsWith("system:")) {
      throw new OperatorError(
        `--${option} ${value} is a name of Kubernetes' own parts, which no person has; ` +
          (value === "system:masters"
            ? "an administrator is of the group kubeadm:cluster-admins, from which RBAC can take the rights again"
            : "give another, and bind the rights to it that are needed"),
      );
    }
    if (!/^[\x21-\x7e]{1,64}$/.test(value)) {
      throw new OperatorError(
        `--${option} ${JSON.stringify(value)} is no name for a certificate; give 1 to 64 characters without spaces`,
      );
    }
  }
  return { user, groups };
}

function secondsOf(days: string): number {
  const number = Number(days);
  if (/^\d+$/.test(days) && number >= 1 && number <= 365) return number * 24 * 3600;
  throw new OperatorError(`--days ${days} is no whole number from 1 to 365`);
}

/** A certificate that the cluster made for this key. */
async function issue(
  admin: KubeConfig,
  { user, groups }: Subject,
  expirationSeconds: number,
  keys: webcrypto.CryptoKeyPair,
): Promise<string> {
  const api = admin.makeApiClient(CertificatesV1Api);
  const request = await Pkcs10CertificateRequestGenerator.create({
    // A plain text that begins with # would be taken for DER: for another name, such as system:masters.
    name: new Name([
      { CN: [{ utf8String: user }] },
      ...groups.map((group) => ({ O: [{ utf8String: group }] })),
    ]),
    keys,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
  });
  const asked = await told(admin, () =>
    api.createCertificateSigningRequest({
      body: {
        metadata: { generateName: "groundwork-kubeconfig-" },
        spec: {
          request: Buffer.from(`${request.toString("pem")}\n`).toString("base64"),
          signerName: signer,
          expirationSeconds,
          usages: ["client auth"],
        },
      },
    }),
  );
  const name = asked.metadata?.name ?? "";
  const approval = {
    type: "Approved",
    status: "True",
    reason: "GroundworkKubeconfig",
    message: `by npm run kubeconfig, for ${user}`,
  };
  const approved = { ...asked, status: { ...asked.status, conditions: [approval] } };
  await told(admin, () => api.replaceCertificateSigningRequestApproval({ name, body: approved }));
  for (const deadline = Date.now() + patience * 1000; Date.now() < deadline; await sleep(200)) {
    const { status } = await told(admin, () => api.readCertificateSigningRequest({ name }));
    if (status?.certificate) return Buffer.from(status.certificate, "base64").toString();
    const failed = status?.conditions?.find(({ type }) => type === "Failed" || type === "Denied");
    if (failed) throw new OperatorError(`the cluster does not sign ${name}: ${failed.message}`);
  }
  throw new OperatorError(
    `the cluster has not signed ${name} within ${patience} s; see that a controller manager runs: make status`,
  );
}

/** The person goes where the administrator does: each of the contexts that the administrator's user has. */
function render(admin: KubeConfig, user: string, certificate: string, key: string): string {
  const contexts = admin.contexts.filter((it) => it.user === admin.getCurrentUser()?.name);
  const theirs = new KubeConfig();
  theirs.loadFromOptions({
    clusters: admin.clusters.filter(({ name }) => contexts.some(({ cluster }) => cluster === name)),
    users: [{ name: user, certData: base64(certificate), keyData: base64(key) }],
    contexts: contexts.map((context) => ({ ...context, user })),
    currentContext: admin.getCurrentContext(),
  });
  return `${JSON.stringify(JSON.parse(theirs.exportConfig()), null, 2)}\n`;
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

const exists = (file: string) =>
  new OperatorError(
    `${file} is there already, and is not overwritten; name another with --output FILE`,
  );

if (require.main === module) void main(kubeconfig);
