import assert from "node:assert/strict";
import { assertUsable } from "./expected";
import { eventually, json, kubectl, must, on } from "./lab";

interface Request {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly username: string; readonly signerName: string };
  readonly status: {
    readonly certificate?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

const certificate = "/var/lib/kubelet/pki/kubelet-server-current.pem";

/** A script that asks for a certificate as worker-01's own kubelet would. */
const ask = (name: string, signer: string, usage: string, alternativeNames: string) => `
  cd "$(mktemp -d)"
  openssl ecparam -name prime256v1 -genkey -noout -out key
  openssl req -new -key key -subj /O=system:nodes/CN=system:node:worker-01 ${alternativeNames && `-addext subjectAltName=${alternativeNames}`} -out csr
  jq -n --arg csr "$(base64 -w0 csr)" '{apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: {name: "${name}"},
    spec: {request: $csr, signerName: "kubernetes.io/${signer}", usages: ["digital signature", "${usage}"]}}' |
    curl --silent --show-error --fail-with-body --cacert /etc/kubernetes/pki/ca.crt --cert /var/lib/kubelet/pki/kubelet-client-current.pem \\
      --header 'Content-Type: application/json' --data @- https://127.0.0.1:6443/apis/certificates.k8s.io/v1/certificatesigningrequests`;

const request = (name: string) => json<Request>(`kubectl get csr ${name} -o json`);

/** What the timer does in a few minutes; answers what it wrote to the journal. */
function approve(): string {
  const run = on(
    "master-01",
    "systemctl start groundwork-approve && journalctl --no-pager -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID groundwork-approve)",
  );
  assert.equal(run.status, 0, run.output);
  return run.stdout;
}

describe("certificates of kubelets", function () {
  this.timeout(120_000);

  it("are looked after by a timer on every master", () => {
    const masters = must("awk '/^master/ { print $1 }' .lab/machines").trim().split("\n");
    for (const master of masters) {
      const timer = on(
        master,
        "systemctl is-enabled groundwork-approve.timer; systemctl show -P NextElapseUSecRealtime groundwork-approve.timer",
      );
      assert.match(timer.stdout, /^enabled\n\w+ \d{4}-/, master);
    }
  });

  it("are renewed without an up when they serve", async () => {
    const serial = () => on("worker-01", `openssl x509 -noout -serial -in ${certificate}`).stdout;
    const before = serial();
    assert.match(before, /^serial=/);
    const lost = on(
      "worker-01",
      "systemctl stop kubelet && rm /var/lib/kubelet/pki/kubelet-server-*.pem && systemctl start kubelet",
    );
    assert.equal(lost.status, 0, lost.output);
    await eventually(() => {
      const { items } = json<{ items: Request[] }>("kubectl get csr -o json");
      const waiting = items.filter(
        ({ spec, status }) => spec.username === "system:node:worker-01" && !status.conditions,
      );
      assert.equal(waiting.length, 1);
    });
    assert.match(approve(), /approved csr-\w+ of worker-01/);
    await eventually(() => {
      const after = serial();
      assert.match(after, /^serial=/);
      assert.notEqual(after, before);
    });
    const address = must(`awk '$1 == "worker-01" { print $2 }' .lab/machines`).trim();
    await eventually(() => {
      const served = on(
        "master-01",
        `curl --silent --cacert /etc/kubernetes/pki/ca.crt https://${address}:10250/healthz`,
      );
      assert.equal(served.status, 0, "kubectl logs and exec would fail");
    });
  });

  it("are renewed by Kubernetes when they are a client's", async () => {
    const asked = on(
      "worker-01",
      ask("test-client", "kube-apiserver-client-kubelet", "client auth", ""),
    );
    assert.equal(asked.status, 0, asked.output);
    await eventually(() => assert.ok(request("test-client").status.certificate));
    assert.equal(request("test-client").status.conditions?.[0]?.reason, "AutoApproved");
  });

  it("are denied when they would name another machine", () => {
    const asked = on(
      "worker-01",
      ask(
        "test-serving",
        "kubelet-serving",
        "server auth",
        "DNS:worker-01,DNS:kubernetes.default.svc",
      ),
    );
    assert.equal(asked.status, 0, asked.output);
    assert.match(
      approve(),
      /denied test-serving of worker-01: it asks for names that are not the node's: DNS:kubernetes\.default\.svc/,
    );
    const { conditions = [], certificate } = request("test-serving").status;
    assert.deepEqual(
      conditions.map(({ type, reason }) => [type, reason]),
      [["Denied", "Groundwork"]],
    );
    assert.equal(certificate, undefined);
  });

  it("are judged by what no kubelet can write", () => {
    const written = on(
      "worker-01",
      `curl --silent --output /dev/null --write-out '%{http_code}' --cacert /etc/kubernetes/pki/ca.crt --cert /var/lib/kubelet/pki/kubelet-client-current.pem \\
        --request PATCH --header 'Content-Type: application/merge-patch+json' --data '{"data": {"worker-01": "{}"}}' \\
        https://127.0.0.1:6443/api/v1/namespaces/kube-system/configmaps/groundwork-nodes`,
    );
    assert.equal(written.stdout, "403");
  });

  it("are all that the approver may approve", () => {
    const may = (verb: string, group: string, resource: string, name = "") => {
      const resourceAttributes = { verb, group, resource, name, namespace: "kube-system" };
      const review = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: "groundwork-approver", resourceAttributes },
      };
      return (
        kubectl("create -f - -o jsonpath={.status.allowed}", JSON.stringify(review)) === "true"
      );
    };
    const approve = (signer: string) =>
      may("approve", "certificates.k8s.io", "signers", `kubernetes.io/${signer}`);
    assert.ok(approve("kubelet-serving"));
    assert.ok(!approve("kube-apiserver-client-kubelet"));
    assert.ok(may("get", "", "configmaps", "groundwork-nodes"));
    assert.ok(!may("update", "", "configmaps", "groundwork-nodes"));
    assert.ok(!may("get", "", "secrets"));
  });

  it("let pods be used, whatever was asked", () => assertUsable());

  after(() => void must("kubectl delete csr test-client test-serving --ignore-not-found"));
});
