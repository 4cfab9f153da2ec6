import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, fileNodes } from "../expected";
import { clusterFile, editCluster, eventually, kubectl, must, on, root, run, up } from "../lab";
import { Writer } from "../writer";

const folder = join(root, ".lab/issuer");
const url = "https://10.77.0.1:8444";
const name = "api.lab.test";
const virtual = "10.77.0.100";
const policyFile = join(clusterFile, "..", "audit-policy.yaml");
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A token of the issuer. */
function token(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ alg: "ES256", kid: "one" })}.${part({ iss: url, aud: "lab", exp, ...claims })}`;
  const signature = sign("sha256", Buffer.from(signed), {
    key: privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return `${signed}.${signature.toString("base64url")}`;
}

/** An issuer that the nodes reach, in a process of its own: the tests wait for their commands. */
function startIssuer(): ChildProcess {
  mkdirSync(folder, { recursive: true });
  must(
    `cd ${folder} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
       -subj /CN=issuer -addext subjectAltName=IP:10.77.0.1 2>&1`,
  );
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }];
  const discovery = {
    issuer: url,
    jwks_uri: `${url}/keys`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  };
  writeFileSync(join(folder, "keys.json"), JSON.stringify({ keys }));
  writeFileSync(join(folder, "discovery.json"), JSON.stringify(discovery));
  const program = ["-r", "ts-node/register", "test/e2e/fixtures/issuer.ts", folder, url];
  return spawn(join(root, ".lab/bin/node"), program, { cwd: root, stdio: "inherit" });
}

/** What the API server at an address or name answers to somebody who shows a token. */
const ask = (host: string, bearer: string, path: string, options = "") =>
  run(
    `kubectl config view --raw -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d >${folder}/ca.pem &&
     curl --silent --show-error --noproxy '*' --max-time 10 --cacert ${folder}/ca.pem --resolve ${name}:6443:${virtual} \
       --header 'Authorization: Bearer ${bearer}' --header 'Content-Type: application/json' ${options} https://${host}:6443${path}`,
  );

/** A pod as somebody would make it, judged by admission alone. */
const tryPod = (namespace: string, container: object = {}) =>
  run(`kubectl create --dry-run=server --output=json -f -`, {
    input: JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "tried", namespace },
      spec: {
        containers: [{ name: "c", image: "docker.io/library/busybox:1", ...container }],
      },
    }),
  });
const privileged = { securityContext: { privileged: true } };

interface Event {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly level: string;
  readonly objectRef?: { readonly resource: string; readonly name: string };
  readonly requestObject?: object;
}
/** What all masters logged of requests that a jq filter lets through. */
const logged = (filter: string) =>
  fileNodes("master").flatMap(
    (master) =>
      JSON.parse(
        on(master, `jq -c 'select(${filter})' /var/log/kubernetes/audit.log | tail -n 20 | jq -s .`)
          .stdout,
      ) as Event[],
  );

const settings = () => ({
  api_server: {
    cert_sans: [name, virtual],
    audit_policy_file: "audit-policy.yaml",
    authentication: {
      jwt: [
        {
          issuer: {
            url,
            audiences: ["lab"],
            certificateAuthority: readFileSync(join(folder, "cert.pem"), "utf8"),
          },
          claimMappings: {
            username: { claim: "sub", prefix: "oidc:" },
            groups: { claim: "groups", prefix: "" },
          },
        },
      ],
    },
    admission: {
      plugins: ["AlwaysPullImages", "DenyServiceExternalIPs", "EventRateLimit"],
      event_rate_limits: [{ type: "Namespace", qps: 5, burst: 10 }],
      pod_security: { exempt_namespaces: ["exempted"] },
    },
  },
  controller_manager: { extra_args: { "node-monitor-grace-period": "45s" } },
  scheduler: { extra_args: { "kube-api-qps": 77 } },
  etcd: { extra_args: { "quota-backend-bytes": 4294967296 } },
  kube_proxy: {
    nodeport_addresses: ["10.77.0.0/24"],
    extra_args: { "config-sync-period": "10m" },
  },
});

describe("settings of the control plane", function () {
  this.timeout(300_000);
  let issuer: ChildProcess;
  let restore: () => void = () => undefined;
  const [first = ""] = fileNodes("master");

  before(() => {
    issuer = startIssuer();
    kubectl("create namespace exempted");
    kubectl("create namespace ordinary");
  });

  it("that nobody gave keep pods out that could take over their node, and log who reads a Secret or approves a certificate", async () => {
    assert.match(tryPod("ordinary", privileged).stderr, /violates PodSecurity "baseline:latest"/);
    assert.equal(tryPod("ordinary").status, 0);
    assert.equal(tryPod("kube-system", privileged).status, 0);

    kubectl("-n ordinary create secret generic read-by-a-node --from-literal=a=b");
    kubectl(
      "-n ordinary create -f -",
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "reader" },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: "c",
              image: "docker.io/library/busybox:1",
              command: ["sleep", "infinity"],
              envFrom: [{ secretRef: { name: "read-by-a-node" } }],
            },
          ],
        },
      }),
    );
    await eventually(() => {
      const [read] = logged(
        '.objectRef.resource == "secrets" and .objectRef.name == "read-by-a-node" and (.user.username | startswith("system:node:"))',
      );
      assert.ok(read, "no node's read is logged");
      assert.equal(read.level, "Metadata");
    });
    const approvals = logged(
      '.objectRef.subresource == "approval" and .user.username == "groundwork-approver"',
    );
    assert.ok(approvals.length > 0, "no approval is logged");
    for (const { level, requestObject } of approvals) {
      assert.equal(level, "RequestResponse");
      assert.ok(requestObject);
    }
  });

  it("reach every master one by one, and the API is served all the while", async () => {
    writeFileSync(
      policyFile,
      `# an operator's own
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
    resources: [{ group: "", resources: [secrets, serviceaccounts/token] }, { group: authentication.k8s.io }]
  - { level: Request, namespaces: [ordinary], resources: [{ group: "", resources: [configmaps] }] }
  - level: None
`,
    );
    const writer = await Writer.start("api");
    restore = editCluster((file) => {
      for (const [key, value] of Object.entries(settings()))
        file.setIn(["cluster", "kubernetes", key], file.createNode(value));
    });
    const result = up();
    const report = await writer.stop();
    assert.equal(result.status, 0, result.output);
    assert.deepEqual([report.failed, report.lost], [[], []]);
    await assertIsTheFile();
  });

  it("give the API another name and a virtual address, by which clients verify it", () => {
    const link = on(first, `ip -o -4 address show to 10.77.0.0/24 | awk '{ print $2; exit }'`);
    assert.equal(on(first, `ip address replace ${virtual}/24 dev ${link.stdout.trim()}`).status, 0);
    for (const host of [name, virtual]) {
      const { stdout, stderr } = ask(host, "", "/livez");
      assert.equal(stdout, "ok", `${host}: ${stderr}`);
    }
  });

  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const addressOf = (node: string) =>
    must(`awk '$1 == "${node}" { print $2 }' .lab/machines`).trim();

  it("let in who shows a token of the issuer's, for this cluster, and nobody as one of Kubernetes' own", async () => {
    const dev = token({ sub: "ada", groups: ["dev"] });
    for (const master of fileNodes("master")) {
      await eventually(() => {
        const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        const said = ask(addressOf(master), dev, path, `--data '${JSON.stringify(review)}'`);
        const { status } = JSON.parse(said.stdout) as {
          status: { userInfo: { username: string; groups: string[] } };
        };
        assert.equal(status.userInfo.username, "oidc:ada");
        assert.deepEqual(status.userInfo.groups, ["dev", "system:authenticated"]);
      });
    }
    const knows = (claims: object) => ask(virtual, token(claims), "/api").output;
    assert.match(knows({ sub: "ada" }), /"kind": "APIVersions"/);
    assert.match(knows({ sub: "ada", aud: "another" }), /"code": 401/);
    assert.match(knows({ sub: "ada", exp: 1 }), /"code": 401/);
    assert.match(knows({ sub: "ada", groups: ["system:masters"] }), /"code": 401/);
  });

  it("admit what the file says", () => {
    assert.match(tryPod("ordinary", privileged).stderr, /violates PodSecurity/);
    assert.equal(tryPod("exempted", privileged).status, 0);
    const { stdout } = tryPod("ordinary", { imagePullPolicy: "IfNotPresent" });
    assert.match(stdout, /"imagePullPolicy": "Always"/);
    const service = run("kubectl create --dry-run=server -f -", {
      input: JSON.stringify({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "taken" },
        spec: { ports: [{ port: 80 }], externalIPs: ["192.0.2.1"] },
      }),
    });
    assert.match(service.stderr, /Use of external IPs is denied by admission control/);
    kubectl(
      "create clusterrolebinding settings-test --clusterrole=cluster-admin --group=test-admins",
    );
    const event = (n: number) => ({
      metadata: { name: `event-${n}` },
      involvedObject: { kind: "Namespace", name: "ordinary", namespace: "ordinary" },
    });
    const many = Array.from({ length: 30 }, (_, n) => n);
    const bearer = token({ sub: "ada", groups: ["test-admins"] });
    const answers = must(
      many
        .map(
          (n) =>
            `curl --silent --noproxy '*' --output /dev/null --write-out '%{http_code}\\n' --cacert ${folder}/ca.pem --header 'Authorization: Bearer ${bearer}' \
               --header 'Content-Type: application/json' --data '${JSON.stringify(event(n))}' https://${virtual}:6443/api/v1/namespaces/ordinary/events &`,
        )
        .join("\n") + "\nwait",
    );
    assert.match(answers, /201/);
    assert.match(answers, /429/);
  });

  it("log what the operator's own policy says, and nothing else", async () => {
    kubectl("-n ordinary create configmap written --from-literal=a=b");
    await eventually(() => {
      const [written] = logged(
        '.objectRef.resource == "configmaps" and .objectRef.name == "written"',
      );
      assert.equal(written?.level, "Request");
      assert.ok(written.requestObject);
    });
    const since = must("date -u -d '-5 seconds' +%FT%TZ").trim();
    const others = logged(
      `.requestReceivedTimestamp > "${since}" and (.objectRef.resource | IN("secrets", "configmaps", "serviceaccounts", "tokenreviews", "selfsubjectreviews") | not)`,
    );
    assert.deepEqual(others, []);
  });

  it("are in force in every other program", () => {
    for (const master of fileNodes("master")) {
      const argsOf = (program: string) => on(master, `ps -C ${program} -o args=`).stdout;
      assert.match(argsOf("kube-controller"), /--node-monitor-grace-period=45s/, master);
      assert.match(argsOf("kube-scheduler"), /--kube-api-qps=77/, master);
      const metrics = on(master, "curl -s http://127.0.0.1:2381/metrics").stdout;
      assert.match(metrics, /^etcd_server_quota_backend_bytes 4.294967296e\+09$/m, master);
    }
    for (const node of fileNodes()) {
      const config = on(node, "curl -s http://127.0.0.1:10249/configz").stdout;
      assert.match(config, /"nodePortAddresses":\["10\.77\.0\.0\/24"\]/i, node);
      assert.match(config, /"configSyncPeriod":"10m0s"/, node);
    }
  });

  it("that would not let a pod in again that runs change nothing", () => {
    kubectl("-n ordinary wait --for=condition=Ready pod/reader --timeout=60s");
    const started = () =>
      on(first, "systemctl show --property=ExecMainStartTimestamp --value kube-apiserver").stdout;
    const before = started();
    const back = editCluster((file) =>
      file.setIn(
        ["cluster", "kubernetes", "api_server", "admission", "pod_security", "enforce"],
        "restricted",
      ),
    );
    const { status, output } = up();
    back();
    assert.notEqual(status, 0);
    assert.match(output, new RegExp(`control-plane failed on ${first}`));
    assert.match(
      output,
      /Pod Security 'restricted' would not let these in again[^]*"ordinary"[^]*reader/,
    );
    assert.match(output, /exempt_namespaces/);
    assert.equal(started(), before);
  });

  it("go when the file says nothing of them any more", async () => {
    restore();
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.notEqual(ask(name, "", "/livez").status, 0);
    await assertIsTheFile();
  });

  after(() => {
    restore();
    issuer.kill();
    on(
      first,
      `ip address del ${virtual}/24 dev $(ip -o address show to ${virtual} | awk '{ print $2 }')`,
    );
    run("kubectl delete clusterrolebinding settings-test");
    run("kubectl delete namespace exempted ordinary --wait=false");
    Writer.clean();
  });
});
