import assert from "node:assert/strict";
import { assertUsable } from "./expected";
import { evil, good, riddled, twoLists } from "../unit/forgedRequest";
import { eventually, json, kubectl, must, on, run } from "./lab";
import { again, steps } from "./steps";

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

const pki = "/var/lib/kubelet/pki";
const certificate = `${pki}/kubelet-server-current.pem`;

/** A request to the API server with the certificate of a worker's own kubelet; answers status and body. */
const asKubelet = (path: string, method: string, type: string, body: string) =>
  `curl --silent --show-error --write-out '%{http_code}' --cacert /etc/kubernetes/pki/ca.crt --cert ${pki}/kubelet-client-current.pem \\
    --request ${method} --header 'Content-Type: application/${type}' --data ${body} https://127.0.0.1:6443${path}`;

/** A script that posts the certificate request in the file `csr` as the node's own kubelet would. */
const post = (name: string, signer: string, usage: string) => `
  jq -n --arg csr "$(base64 -w0 csr)" '{apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: {name: "${name}"},
    spec: {request: $csr, signerName: "kubernetes.io/${signer}", usages: ["digital signature", "${usage}"]}}' |
    ${asKubelet("/apis/certificates.k8s.io/v1/certificatesigningrequests", "POST", "json", "@-")} | tail -c 3 | grep -x 201`;

/** A script that asks for a certificate as worker-01's own kubelet would. */
const ask = (name: string, signer: string, usage: string, alternativeNames: string) => `
  cd "$(mktemp -d)"
  openssl ecparam -name prime256v1 -genkey -noout -out key
  openssl req -new -key key -subj /O=system:nodes/CN=system:node:worker-01 ${alternativeNames && `-addext subjectAltName=${alternativeNames}`} -out csr
  ${post(name, signer, usage)}`;

const addressOf = (node: string) => must(`awk '$1 == "${node}" { print $2 }' .lab/machines`).trim();

const request = (name: string) => json<Request>(`kubectl get csr ${name} -o json`);

const masters = () => must("awk '/^master/ { print $1 }' .lab/machines").trim().split("\n");

/** What the admission services of all masters wrote to their journals. */
const said = () =>
  masters()
    .map((master) => on(master, "journalctl --no-pager -o cat -u groundwork-admission").stdout)
    .join("\n");

/** What was answered to a request. */
async function answered(name: string): Promise<Request["status"]> {
  return eventually(() => {
    const { status } = request(name);
    assert.ok(status.conditions, `nobody answers ${name}`);
    return status;
  });
}

const nodesMap = "-n kube-system patch configmap groundwork-nodes";
/** Runs `use` while a node is not declared. */
async function whileUndeclared(node: string, use: () => Promise<void>): Promise<void> {
  const { data } = json<{ data: Record<string, string> }>(
    "kubectl -n kube-system get configmap groundwork-nodes -o json",
  );
  assert.ok(data[node]);
  kubectl(`${nodesMap} --type=json --patch='[{"op": "remove", "path": "/data/${node}"}]'`);
  try {
    await use();
  } finally {
    kubectl(`${nodesMap} --patch='${JSON.stringify({ data: { [node]: data[node] } })}'`);
  }
}

/** A master believes worker-01's kubelet. */
function assertServes(): void {
  const served = on(
    "master-01",
    `curl --silent --cacert /etc/kubernetes/pki/kubelet-serving-ca.crt https://${addressOf("worker-01")}:10250/healthz`,
  );
  assert.equal(served.status, 0, "kubectl logs and exec would fail");
}

describe("certificates of kubelets", function () {
  this.timeout(120_000);

  it("are looked after by a service on every master, which is root nowhere and comes back when it is killed", async () => {
    for (const master of masters()) {
      const pid = () => on(master, "systemctl show -P MainPID groundwork-admission").stdout.trim();
      const before = pid();
      const service = on(
        master,
        `systemctl is-enabled groundwork-admission; sed -n 's/^Uid:\\t\\([0-9]*\\).*/\\1/p; s/^CapEff:\\t//p' /proc/${before}/status
         setpriv --reuid=$(systemctl show -P UID groundwork-admission) --clear-groups cat /etc/kubernetes/pki/approver.pem 2>&1`,
      ).stdout;
      assert.match(service, /^enabled\n[1-9]\d{4,}\n0{16}\n.*Permission denied/, master);
      on(master, "systemctl kill --signal=SIGKILL groundwork-admission");
      await eventually(() => {
        assert.match(on(master, "systemctl is-active groundwork-admission").stdout, /^active/);
        assert.notEqual(pid(), before);
      });
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
      const after = serial();
      assert.match(after, /^serial=/);
      assert.notEqual(after, before);
    });
    await eventually(assertServes);
  });

  it("are renewed when they are a client's: the kubelet asks in its own form when its own grows old", async () => {
    const current = `${pki}/kubelet-client-current.pem`;
    const asked = on(
      "worker-01",
      "openssl ecparam -name prime256v1 -genkey -noout -out /root/old.key && openssl req -new -key /root/old.key -subj /O=system:nodes/CN=system:node:worker-01",
    );
    assert.equal(asked.status, 0, asked.output);
    const aged = on(
      "master-01",
      `openssl x509 -req -CA /etc/kubernetes/pki/ca.crt -CAkey /etc/kubernetes/pki/ca.key -extfile <(echo extendedKeyUsage=clientAuth) \\
         -not_before "$(date -u -d '-360 days' +%Y%m%d%H%M%SZ)" -not_after "$(date -u -d '+1 hour' +%Y%m%d%H%M%SZ)" <<'END'
${asked.stdout}END`,
    );
    assert.equal(aged.status, 0, aged.output);
    const old = on(
      "worker-01",
      `umask 077; cat - /root/old.key >${pki}/kubelet-client-old.pem <<'END'
${aged.stdout}END
       rm /root/old.key; ln -sfn kubelet-client-old.pem ${current}; systemctl restart kubelet`,
    );
    assert.equal(old.status, 0, old.output);
    await eventually(() => {
      assert.match(on("worker-01", `readlink ${current}`).stdout, /kubelet-client-\d{4}-/);
    });
    on("worker-01", `rm ${pki}/kubelet-client-old.pem`);
    const { items } = json<{ items: Request[] }>("kubectl get csr -o json");
    const renewal = items.find(
      ({ spec }) =>
        spec.username === "system:node:worker-01" &&
        spec.signerName === "kubernetes.io/kube-apiserver-client-kubelet",
    );
    assert.equal(renewal?.status.conditions?.[0]?.reason, "Groundwork");
  });

  it("are neither renewed nor registered for a node that was removed, whatever certificate it has", async () => {
    await whileUndeclared("worker-01", async () => {
      const asked = on(
        "worker-01",
        ask("test-removed", "kube-apiserver-client-kubelet", "client auth", ""),
      );
      assert.equal(asked.status, 0, asked.output);
      await eventually(() =>
        assert.match(said(), /left test-removed alone: system:node:worker-01/),
      );
      kubectl("delete node worker-01");
      on("worker-01", "systemctl restart kubelet");
      const node = { apiVersion: "v1", kind: "Node", metadata: { name: "worker-01" } };
      const made = on(
        "worker-01",
        asKubelet("/api/v1/nodes", "POST", "json", `'${JSON.stringify(node)}'`),
      ).stdout;
      assert.match(
        made,
        /worker-01 is not declared in ConfigMap kube-system\/groundwork-nodes.*403$/s,
      );
      assert.equal(request("test-removed").status.conditions, undefined);
      assert.notEqual(run("kubectl get node worker-01").status, 0);
    });
    // What it is declared as, it is again: its kubelet still tries.
    await eventually(() => kubectl("get node worker-01"));
    const own = steps().filter(({ name }) => /^worker-01-(kubelet|admit)$/.test(name));
    assert.equal(own.length, 2);
    for (const printed of again(...own)) assert.match(printed, /^(changed: \d+|unchanged)$/);
    await assertUsable();
  });

  it("let administrators make Nodes, whoever is declared", () => {
    kubectl(
      "create -f -",
      JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "test-by-hand" } }),
    );
    kubectl("delete node test-by-hand");
  });

  it("are denied when they would name another machine", async () => {
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
    await assertDenied(
      "test-serving",
      /it asks for names that are not the node's: DNSName:kubernetes\.default\.svc/,
    );
  });

  const forged = {
    "in a block that only Kubernetes sees": riddled(good, "\0") + evil,
    "in a list of extensions that only Kubernetes sees": twoLists,
  };
  for (const [where, pem] of Object.entries(forged))
    it(`are denied when they would name another machine ${where}`, async () => {
      const text = Buffer.from(pem).toString("base64");
      const name = `test-forged-${where.split(" ")[2]}`;
      const asked = on(
        "worker-01",
        `cd "$(mktemp -d)"; base64 -d <<<${text} >csr; ${post(name, "kubelet-serving", "server auth")}`,
      );
      assert.equal(asked.status, 0, asked.output);
      await assertDenied(
        name,
        /: it (is not one PEM block|cannot be read|has more than a kubelet)/,
      );
    });

  it("are denied when another request's name says that they are approved", async () => {
    const verdict = String.raw`{\"apiVersion\":\"certificates.k8s.io\\u002fv1\",\"kind\":\"CertificateSigningRequest\",\"metadata\":{\"name\":\"test-evil\"},\"status\":{\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\",\"reason\":\"x\"}]}}`;
    const carrier = String.raw`a\nApproved\ttest-evil\tworker-01\tok\t${verdict}\nb`;
    for (const name of ["test-evil", carrier, "test-many[1-9]"]) {
      const asked = on("worker-01", ask(name, "kubelet-serving", "server auth", "IP:127.0.0.1"));
      assert.equal(asked.status, 0, asked.output);
    }
    await assertDenied(
      "test-evil",
      /it asks for names that are not the node's: IPAddress:127\.0\.0\.1/,
    );
  });

  async function assertDenied(name: string, reason: RegExp): Promise<void> {
    const { conditions = [], certificate } = await answered(name);
    const [line = ""] = said()
      .split("\n")
      .filter((line) => line.includes(`denied ${name} `));
    assert.match(line, new RegExp(`denied ${name} of worker-01: `));
    assert.match(line, reason);
    assert.deepEqual(
      conditions.map(({ type, reason }) => [type, reason]),
      [["Denied", "Groundwork"]],
    );
    assert.equal(certificate, undefined);
  }

  it("that serve are of no authority by which clients know the API server", () => {
    const verify = (authority: string) =>
      on("worker-01", `openssl verify -CAfile /etc/kubernetes/pki/${authority}.crt ${certificate}`);
    assert.equal(verify("kubelet-serving-ca").status, 0);
    assert.notEqual(verify("ca").status, 0, "one that is wrongly approved makes an API server");
    const published = kubectl(
      "-n kube-system get configmap kubelet-serving-ca -o jsonpath='{.data.ca\\.crt}'",
    );
    const file = on("worker-01", "cat /etc/kubernetes/pki/kubelet-serving-ca.crt").stdout;
    assert.equal(published.trim(), file.trim());
  });

  it("that serve are asked for anew when they are of another authority", async () => {
    const lost = on(
      "worker-01",
      `cd ${pki} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -days 300 \
           -subj /O=system:nodes/CN=system:node:worker-01 -addext subjectAltName=DNS:worker-01,IP:${addressOf("worker-01")} 2>&1 &&
         cat cert key >kubelet-server-old.pem && rm cert key && ln -sfn kubelet-server-old.pem kubelet-server-current.pem && systemctl restart kubelet`,
    );
    assert.equal(lost.status, 0, lost.output);
    const step = steps().find(({ name }) => name === "worker-01-kubelet");
    assert.ok(step);
    assert.match(again(step).join(), /^changed: \d+$/);
    await eventually(assertServes);
    assert.deepEqual(again(step), ["unchanged"]);
  });

  const merge = (path: string, body: object) =>
    on("worker-01", asKubelet(path, "PATCH", "merge-patch+json", `'${JSON.stringify(body)}'`))
      .stdout;

  it("are judged by what no kubelet can write", () => {
    const path = "/api/v1/namespaces/kube-system/configmaps/groundwork-nodes";
    assert.match(merge(path, { data: { "worker-01": "{}" } }), /403$/);
  });

  it("let a node in whatever it says of itself", () => {
    kubectl("taint --overwrite node worker-01 quarantine=yes:NoSchedule");
    const taints = [{ key: "quarantine", value: "yes", effect: "NoSchedule" }];
    const annotations = {
      "groundwork/identity": "another",
      "groundwork/taints": JSON.stringify(taints),
    };
    assert.match(merge("/api/v1/nodes/worker-01", { metadata: { annotations } }), /200$/);
    const admit = steps().find(({ name }) => name === "worker-01-admit");
    assert.ok(admit);
    assert.deepEqual(again(admit), ["unchanged"]);
    const kept = kubectl("get node worker-01 -o jsonpath='{.spec.taints}'");
    assert.deepEqual(
      JSON.parse(kept),
      taints,
      "the node took a taint of the operator's off itself",
    );
  });

  it("let a node change no other node, and no label by which others are kept off it", () => {
    const address = {
      metadata: { annotations: { "flannel.alpha.coreos.com/public-ip": "10.77.0.1" } },
    };
    for (const other of ["master-01", "worker-02"]) {
      assert.match(merge(`/api/v1/nodes/${other}/status`, address), /403$/, other);
      assert.match(merge(`/api/v1/nodes/${other}`, address), /403$/, other);
    }
    const label = { metadata: { labels: { "node-restriction.kubernetes.io/trusted": "yes" } } };
    assert.match(merge("/api/v1/nodes/worker-01/status", label), /403$/);
    assert.match(merge("/api/v1/nodes/worker-01", label), /403$/);
    assert.match(merge("/api/v1/nodes/worker-01/status", { metadata: {} }), /200$/);
  });

  it("are all that a worker's services ask with, but for the service proxy, which changes no Node", () => {
    const files = on(
      "worker-01",
      "find /etc/kubernetes -type f \\( -name '*.key' -o -name '*.pem' -o -name '*.conf' ! -path '*.d/*' \\)",
    );
    assert.deepEqual(files.stdout.trim().split("\n").sort(), [
      "/etc/kubernetes/kube-proxy.conf",
      "/etc/kubernetes/kubelet.conf",
    ]);
    for (const user of ["system:kube-proxy", "system:flannel"])
      for (const status of ["", "--subresource=status"])
        assert.match(
          run(`kubectl auth can-i patch nodes ${status} --as ${user}`).stdout,
          /^no/,
          user,
        );
  });

  it("are all that the admission service may approve", () => {
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
    assert.ok(approve("kube-apiserver-client-kubelet"));
    assert.ok(!approve("kube-apiserver-client"));
    assert.ok(!may("list", "certificates.k8s.io", "certificatesigningrequests"));
    assert.ok(!may("create", "certificates.k8s.io", "certificatesigningrequests"));
    assert.ok(may("get", "", "configmaps", "groundwork-nodes"));
    assert.ok(!may("update", "", "configmaps", "groundwork-nodes"));
    assert.ok(!may("get", "", "secrets"));
  });

  it("let pods be used, whatever was asked", () => assertUsable());

  after(() => {
    run("kubectl taint node worker-01 quarantine-");
    run("kubectl delete csr --field-selector spec.signerName=kubernetes.io/kubelet-serving");
    run("kubectl annotate node worker-01 groundwork/identity- groundwork/taints-");
    must(
      "kubectl delete csr --ignore-not-found $(kubectl get csr -o name | sed -n 's,.*/test-,test-,p')",
    );
  });
});
