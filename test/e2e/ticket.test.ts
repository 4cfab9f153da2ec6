import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { servicePath } from "../../config/artifacts";
import { loadCluster } from "../../config/load";
import {
  clusterFile,
  converge,
  eventually,
  json,
  kubectl,
  must,
  on,
  root,
  run,
  settle,
  without,
} from "./lab";

const edge = "edge-01";
const kubelet = servicePath("kubelet", loadCluster(clusterFile).versions);
const folder = join(root, ".lab/ticket");
const file = join(folder, "bootstrap.conf");
const client = "kube-apiserver-client-kubelet";
const serving = "kubelet-serving";

interface Csr {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly username: string; readonly signerName: string };
  readonly status: {
    readonly certificate?: string;
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
}
interface Node {
  readonly status: { readonly conditions: readonly { type: string; status: string }[] };
}

const ticket = (name = edge) =>
  run(
    `CONFIG_DIR=${folder} npm run --silent ticket -- ${name} --file .lab/cluster.yaml --kubeconfig "$KUBECONFIG"`,
  );
const tokenIn = (text: string) => /token: (\S+)/.exec(text)?.[1] ?? assert.fail(text);

/** Brings a ticket to the machine, as its owner does. */
function carry(): string {
  const text = readFileSync(file, "utf8");
  must(`lab/ssh ${edge} 'umask 077; cat >/root/bootstrap.conf'`, { input: text });
  return tokenIn(text);
}

const byToken = (token: string) => `--header 'Authorization: Bearer ${token}'`;
const pair = "/var/lib/kubelet/pki/kubelet-client-current.pem";
const byCertificate = `--cert ${pair}`;
const api = "--silent --cacert /root/ca.crt https://10.77.0.11:6443";

/** Posts a certificate request from a machine; answers with the HTTP status. */
function ask(
  name: string,
  { by, signer, subject = edge, names = "", dos = false, from = edge }: Ask,
): string {
  const usage = signer === client ? "client auth" : "server auth";
  const { status, stdout, output } = on(
    from,
    `set -e
    cd "$(mktemp -d)"
    openssl ecparam -name prime256v1 -genkey -noout -out key
    openssl req -new -key key -subj /O=system:nodes/CN=system:node:${subject} ${names && `-addext subjectAltName=${names}`} -out csr
    ${dos ? "sed -i 's/$/\\r/' csr" : ""}
    jq -n --arg csr "$(base64 -w0 csr)" '{apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: {name: "${name}"},
      spec: {request: $csr, signerName: "kubernetes.io/${signer}", usages: ["digital signature", "key encipherment", "${usage}"]}}' |
      curl --output /dev/null --write-out '%{http_code}' ${by} --header 'Content-Type: application/json' --data-binary @- \
        ${from === edge ? api : "--silent --cacert /etc/kubernetes/pki/ca.crt https://127.0.0.1:6443"}/apis/certificates.k8s.io/v1/certificatesigningrequests`,
  );
  assert.equal(status, 0, output);
  return stdout;
}
interface Ask {
  readonly by: string;
  readonly signer: string;
  readonly subject?: string;
  readonly names?: string;
  readonly dos?: boolean;
  readonly from?: string;
}

const request = (name: string) => json<Csr>(`kubectl get csr ${name} -o json`);
const answered = (name: string) =>
  eventually(() => {
    const { conditions } = request(name).status;
    assert.ok(conditions?.[0], `nobody answers ${name}`);
    return conditions[0];
  });
/** What the admission service wrote to its journal. */
const said = () => on("master-01", "journalctl --no-pager -o cat -u groundwork-admission").stdout;

async function assertDenied(name: string, why: RegExp): Promise<void> {
  const { type, message } = await answered(name);
  assert.equal(type, "Denied", message);
  assert.match(message, why);
  await eventually(() => {
    const line = said()
      .split("\n")
      .find((line) => line.startsWith(`denied ${name} of ${edge}: `));
    assert.match(line ?? "", why);
  });
}

const nodes = () =>
  json<{ items: { metadata: { name: string } }[] }>("kubectl get nodes -o json").items.map(
    ({ metadata }) => metadata.name,
  );

describe("a node that is not managed", function () {
  this.timeout(300_000);
  let used: string;
  let restore = () => {};

  before(() => {
    must("pulumi stack select dev --create");
    must(`rm -rf ${folder}`);
    converge();
    // What its owner did with the machine: a kubelet, a container runtime, and a pod network of its own.
    must(
      `lab/ssh worker-01 tar -C / -c ${kubelet.slice(1)} etc/containerd etc/kubernetes/kubelet.conf.d | lab/ssh ${edge} tar -C / -x`,
    );
    const made = on(
      edge,
      `set -e
      install -d /etc/cni/net.d
      cat >/etc/cni/net.d/10-own.conflist <<'END'
{"cniVersion": "1.0.0", "name": "own", "plugins": [{"type": "bridge", "bridge": "own0", "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.99.0.0/24"}}]}
END
      cat >/root/kubelet.yaml <<'END'
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: /root/ca.crt } }
authorization: { mode: Webhook }
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
rotateCertificates: true
serverTLSBootstrap: true
END
      systemctl restart containerd`,
    );
    assert.equal(made.status, 0, made.output);
  });
  after(() => restore());

  it("is there for nobody until it comes, and nothing is put on it", () => {
    assert.deepEqual(nodes(), ["master-01", "worker-01"]);
    const status = run("npm run --silent status -- --file .lab/cluster.yaml");
    assert.equal(status.status, 0, status.output);
    assert.match(status.output, /edge-01, which is not managed, has not come\n.*npm run ticket/);
    assert.equal(on(edge, "ls /var/lib/cluster-state 2>/dev/null").stdout, "");
  });

  it("gets a ticket in a file that is its owner's alone, and nobody who is managed gets one", () => {
    const { status, output } = ticket();
    assert.equal(status, 0, output);
    assert.match(output, /bootstrap\.conf is written: a ticket for edge-01, good for one cert/);
    assert.match(output, /at https:\/\/10\.77\.0\.11:6443, the first master:/);
    assert.deepEqual(
      [folder, file].map((path) => statSync(path).mode & 0o777),
      [0o700, 0o600],
    );
    assert.ok(!output.includes(tokenIn(readFileSync(file, "utf8")).slice(7)));
    assert.match(ticket("worker-01").output, /worker-01 is managed: 'pulumi up' lets it in/);
  });

  it("has its ticket refused for another's name, which does not use it up", async () => {
    used = carry();
    must(
      `lab/ssh ${edge} "sed -n 's/.*certificate-authority-data: //p' /root/bootstrap.conf | base64 -d >/root/ca.crt"`,
    );
    const by = byToken(used);
    assert.equal(ask("csr-other", { by, signer: client, subject: "worker-01" }), "201");
    await assertDenied("csr-other", /its subject is not that of edge-01/);
    assert.equal(ask("csr-serves", { by, signer: serving, names: "DNS:edge-01" }), "201");
    await assertDenied("csr-serves", /another than the node itself asked/);
  });

  it("comes by its ticket: a kubelet that was started by hand has its certificates, and is Ready", async () => {
    const began = performance.now();
    const started = on(
      edge,
      `systemd-run --quiet --unit=edge-kubelet --property=Delegate=yes --property=Restart=always --property=KillMode=process \
        ${kubelet} --config=/root/kubelet.yaml --config-dir=/etc/kubernetes/kubelet.conf.d --bootstrap-kubeconfig=/root/bootstrap.conf \
        --kubeconfig=/root/kubelet.conf --hostname-override=${edge} --node-ip=10.77.0.31`,
    );
    assert.equal(started.status, 0, started.output);
    await eventually(() => {
      const { status } = json<Node>(`kubectl get node ${edge} -o json`);
      assert.equal(status.conditions.find(({ type }) => type === "Ready")?.status, "True");
      assert.equal(run(`kubectl get --raw /api/v1/nodes/${edge}/proxy/healthz`).stdout, "ok");
    }, 120).catch((error: unknown) => {
      console.log(
        on(edge, "journalctl --no-pager -o cat -u edge-kubelet | tail -40").stdout,
        said(),
      );
      throw error;
    });
    console.log(
      `      Ready and serving after ${Math.round((performance.now() - began) / 1000)} s`,
    );
    const names = on(
      edge,
      "openssl x509 -noout -ext subjectAltName -in /var/lib/kubelet/pki/kubelet-server-current.pem",
    ).stdout;
    assert.match(names, /DNS:edge-01, IP Address:10\.77\.0\.31\n/);
    const { items } = json<{ items: Csr[] }>("kubectl get csr -o json");
    const own = items.filter(
      ({ spec, status }) =>
        /edge-01$|^system:bootstrap:/.test(spec.username) &&
        status.conditions?.some(({ type }) => type === "Approved") &&
        spec.signerName.endsWith("kubelet-serving") === (spec.username === `system:node:${edge}`),
    );
    assert.ok(own.some(({ spec }) => spec.username === `system:bootstrap:${used.slice(0, 6)}`));
    assert.ok(own.some(({ spec }) => spec.username === `system:node:${edge}`));
  });

  it("runs pods whose logs are read and in which programs are run", async () => {
    kubectl(
      "apply -f -",
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "guest", namespace: "default" },
        spec: {
          nodeName: edge,
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "guest",
              image: "docker.io/library/busybox:1",
              command: ["sh", "-c", "echo hello; sleep 3600"],
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ["ALL"] },
                runAsNonRoot: true,
                runAsUser: 1000,
                seccompProfile: { type: "RuntimeDefault" },
              },
            },
          ],
        },
      }),
    );
    await eventually(() => {
      assert.equal(kubectl("logs guest"), "hello\n");
      assert.equal(kubectl("exec guest -- echo there"), "there\n");
    }, 60);
    const status = run("npm run --silent status -- --file .lab/cluster.yaml");
    assert.equal(status.status, 0, status.output);
    assert.match(status.output, /edge-01 +worker +unmanaged +Ready/);
    assert.match(status.output, /2 nodes Ready, 1 unmanaged Ready/);
  });

  it("has a ticket that was used refused, and told", async () => {
    assert.equal(ask("csr-again", { by: byToken(used), signer: client }), "201");
    await assertDenied("csr-again", /its ticket has been used, for another request/);
  });

  it("may serve as what is declared, as Krustlet asks, and as nothing else", async () => {
    const by = byCertificate;
    const signer = serving;
    const own = { by, signer, names: "DNS:edge-01,IP:10.77.0.31", dos: true };
    assert.equal(ask(`${edge}-tls`, own), "201");
    assert.equal((await answered(`${edge}-tls`)).type, "Approved");
    kubectl(`delete csr ${edge}-tls`);
    assert.equal(ask(`${edge}-tls`, { ...own, names: "DNS:edge.example.org" }), "201");
    assert.equal((await answered(`${edge}-tls`)).type, "Approved");
    for (const names of ["DNS:edge-01,DNS:kubernetes.default.svc", "IP:10.77.0.11"]) {
      kubectl(`delete csr ${edge}-tls`);
      assert.equal(ask(`${edge}-tls`, { ...own, names }), "201");
      await assertDenied(`${edge}-tls`, /names that are not the node's/);
    }
    kubectl(`delete csr ${edge}-tls`);
    // Kubernetes itself takes no request of a node for another.
    assert.equal(ask(`${edge}-tls`, { ...own, subject: "worker-01" }), "403");
  });

  it("has nobody else ask under the names that are its own", () => {
    const other = { by: byCertificate, signer: serving, from: "worker-01", subject: "worker-01" };
    const names = "DNS:worker-01,IP:10.77.0.21";
    assert.equal(ask(`${edge}-tls`, { ...other, names }), "403");
    assert.equal(ask(edge, { ...other, names }), "403");
    assert.equal(ask("worker-01-tls", { ...other, names }), "201");
  });

  it("is out when its entry is deleted: it can neither register nor renew, and its ticket is worth nothing", async () => {
    assert.equal(ticket().status, 0);
    const fresh = carry();
    restore = without(edge);
    assert.deepEqual(settle(), [`${edge}-declare`]);
    assert.deepEqual(nodes(), ["master-01", "worker-01"]);
    assert.equal(ask("csr-late", { by: byToken(fresh), signer: client }), "401");
    assert.equal(ask("csr-renewal", { by: byCertificate, signer: client }), "201");
    await eventually(() =>
      assert.match(said(), /left csr-renewal alone: system:node:edge-01 is not declared/),
    );
    assert.equal(request("csr-renewal").status.conditions, undefined);
    const registered = on(
      edge,
      `systemctl restart edge-kubelet; sleep 10
      jq -n '{apiVersion: "v1", kind: "Node", metadata: {name: "${edge}"}}' |
        curl ${byCertificate} --header 'Content-Type: application/json' --data-binary @- ${api}/api/v1/nodes`,
    ).stdout;
    assert.match(registered, /edge-01 is not declared in ConfigMap kube-system\/groundwork-nodes/);
    assert.deepEqual(nodes(), ["master-01", "worker-01"]);
    on(edge, "systemctl stop edge-kubelet");
  });
});
