import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** By whom a kubelet's serving certificate is signed. */
export const serving = "kubernetes.io/kubelet-serving";
/** By whom its first certificate is signed, with which it asks. */
export const client = "kubernetes.io/kube-apiserver-client-kubelet";
/** What `worker-01` asks to be certified as. */
export const own = {
  subject: "/O=system:nodes/CN=system:node:worker-01",
  names: "DNS:worker-01,IP:10.0.0.21",
};
/** What judges requests, each a JSON text a line behind one of what is declared; prints a JSON text of each verdict. */
const judges = `
import json, sys
sys.path.insert(0, sys.argv[1])
from judge import judge
declared = json.loads(sys.stdin.readline())
for line in sys.stdin:
    print(json.dumps(judge(json.loads(line), declared)))
`;
const controlPlane = join(__dirname, "../../steps/control-plane");

export interface Asked {
  /** As `openssl req -subj` takes it. */
  readonly subject?: string;
  /** As a `subjectAltName`; empty for none. */
  readonly names?: string;
  readonly username?: string;
  readonly groups?: readonly string[];
  readonly signerName?: string;
  readonly usages?: readonly string[];
  /** The PEM itself, instead of one that openssl makes. */
  readonly pem?: string;
  readonly conditions?: readonly unknown[];
}

/** A CertificateSigningRequest as the API server has it; by default that of `worker-01` for what it serves. */
export function signingRequest(
  name: string,
  {
    subject = own.subject,
    names = own.names,
    signerName = serving,
    username = signerName === client ? "system:bootstrap:abcdef" : "system:node:worker-01",
    groups = ["system:nodes", "system:bootstrappers", "system:authenticated"],
    usages = ["digital signature", signerName === client ? "client auth" : "server auth"],
    pem = opensslRequest(subject, names),
    conditions,
  }: Asked = {},
) {
  return {
    metadata: { name, uid: `uid-of-${name}`, resourceVersion: "1" },
    spec: { request: Buffer.from(pem).toString("base64"), signerName, username, groups, usages },
    status: conditions ? { conditions } : {},
  };
}

function opensslRequest(subject: string, names: string): string {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null".split(" ");
  const extension = names === "" ? [] : ["-addext", `subjectAltName=${names}`];
  const made = spawnSync("openssl", ["req", "-new", ...key, "-subj", subject, ...extension], {
    encoding: "utf8",
  });
  assert.equal(made.status, 0, made.stderr);
  return made.stdout;
}

export interface Verdict {
  readonly verdict: string;
  /** The node; of a request that is not of a declared one, who asked. */
  readonly node: string;
  readonly reason: string;
}

/** What the judge says of requests, by default to a master that knows worker-01, which joins, and worker-02. */
export function judge(
  requests: readonly unknown[],
  declared: object = {
    "worker-01": { ip: "10.0.0.21", token: "abcdef" },
    "worker-02": { ip: "10.0.0.22" },
  },
): readonly Verdict[] {
  const input = [declared, ...requests].map((line) => JSON.stringify(line) + "\n").join("");
  const run = spawnSync("/usr/bin/python3", ["-IBc", judges, controlPlane], {
    input,
    encoding: "utf8",
  });
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  const lines = run.stdout.split("\n").slice(0, -1);
  return lines.map((line) => {
    const [verdict = "", node = "", reason = ""] = JSON.parse(line) as string[];
    return { verdict, node, reason };
  });
}
