import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost, fileNodes } from "./expected";
import { editCluster, eventually, kubectl, must, on, preview, run, up, without } from "./lab";
import { killedAt } from "./operator";
import { startClient } from "./workload";
import { Writer } from "./writer";

const masters = fileNodes("master");
const nodes = [...new Set([...masters, ...fileNodes("worker")])].sort();
const [first = ""] = masters;
const last = nodes[nodes.length - 1] ?? "";
/** Leaves before, and comes back in the middle of it as a new node. */
const joins = nodes.length > 2 ? last : undefined;
const former = nodes.filter((node) => node !== joins);
const lastFormer = former[former.length - 1] ?? "";

const set = (field: string, number: number) =>
  editCluster((file) => file.setIn(["cluster", "kubernetes", "rotations", field], number));

const addressOf = (node: string) => must(`awk '$1 == "${node}" { print $2 }' .lab/machines`).trim();

/** Words by which somebody says that he does not believe a certificate. */
const disbelief = "nauthorized|x509|certificate|tls:|TLS alert|no serving";

/** Whoever has the kubeconfig of before asks each API server, and by it each kubelet, and notes who is not believed. */
const startAdmin = () =>
  startClient(
    "former-admin",
    `while sleep 0.2; do for one in ${masters.join(" ")}; do
      kubectl() { command kubectl --kubeconfig .lab/former --context lab-$one --request-timeout 5s "$@" 2>&1; }
      said=$(kubectl get --raw /api) || grep -oiE '.*(${disbelief}).*' <<<"$said"
      for pod in $(kubectl --namespace data-plane get pods --output json | jq -r '.items[]? | select(.spec.nodeName != "${joins ?? ""}") | "pod/" + .metadata.name' 2>/dev/null); do
        said=$(kubectl --namespace data-plane logs --tail 1 "$pod") || grep -oiE '.*(${disbelief}).*' <<<"$said"
      done
    done; done`,
  );

/** A program in a pod that read the authority but once, and shows its token to the API's Service. */
function startPod(token: string): { stop(): string } {
  const client = startClient(
    "former-pod",
    `lab/ssh ${lastFormer} bash -s <<'END'
      ca=/root/former-ca.crt
      until [ -e /root/stop ]; do
        sleep 0.2
        said=$(curl --silent --show-error --max-time 5 --cacert $ca --output /dev/null --write-out ' %{http_code}' --header 'Authorization: Bearer ${token}' https://10.96.0.1/api 2>&1)
        case $said in *' 401') echo "$said" ;; *' 200') ;; *) grep -oiE '.*(${disbelief}).*' <<<"$said" ;; esac
      done
END`,
  );
  return {
    stop() {
      on(lastFormer, "touch /root/stop");
      return client.stop();
    },
  };
}

/** The authorities of all certificates of a node, each once. */
const issuers = (node: string) =>
  on(
    node,
    `for one in /etc/kubernetes/pki/apiserver*.crt /etc/kubernetes/pki/front-proxy-client.crt /etc/kubernetes/pki/approver.pem /etc/etcd/pki/{server,peer}.crt /var/lib/kubelet/pki/*-current.pem; do
       [ ! -s $one ] || openssl x509 -noout -issuer -in $one
     done
     for one in /etc/kubernetes/*.conf; do jq -r '.users[0].user["client-certificate-data"] // empty | @base64d' $one 2>/dev/null | openssl x509 -noout -issuer 2>/dev/null; done`,
  )
    .stdout.replaceAll(" ", "")
    .match(/CN=\S+/g)
    ?.filter((one, i, all) => all.indexOf(one) === i)
    .sort();

/** What a service shows whoever connects to it. */
const shown = (address: string) =>
  on(
    first,
    `openssl s_client -connect ${address} </dev/null 2>/dev/null | openssl x509 -noout -issuer`,
  )
    .stdout.replaceAll(" ", "")
    .trim();

const of = (node: string, number: string) =>
  masters.includes(node)
    ? ["etcd-ca", "front-proxy-ca", "kubelet-serving-ca", "kubernetes"].map(
        (one) => `CN=${one}${number}`,
      )
    : ["kubelet-serving-ca", "kubernetes"].map((one) => `CN=${one}${number}`);

/** Kept on a node: what it had before. */
const keep = (node: string) =>
  on(
    node,
    `cp /etc/kubernetes/pki/ca.crt /root/former-ca.crt; cp /var/lib/kubelet/pki/kubelet-client-current.pem /root/former-kubelet.pem
     if [ -e /etc/etcd/pki/server.key ]; then cat /etc/etcd/pki/server.{crt,key} >/root/former-etcd.pem; fi`,
  );

/** What an API server says to whoever shows a certificate, a file of a node. */
const answer = (node: string, file: string) =>
  on(
    node,
    `curl --silent --cacert /etc/kubernetes/pki/ca.crt --cert ${file} --output /dev/null --write-out '%{http_code}' https://127.0.0.1:6443/api`,
  ).stdout.trim();

/** A controller manager that falls before its turn finds what it signs with. */
function assertManagerStarts(master: string): void {
  const { stdout } = on(
    master,
    `systemctl restart kube-controller-manager; sleep 6; systemctl show -P NRestarts kube-controller-manager
     curl --silent --insecure https://127.0.0.1:10257/healthz`,
  );
  assert.equal(stdout.replaceAll("\n", " ").trim(), "0 ok", master);
}

/** On a lab of `clusters/kubernetes.yaml`, or `pair.yaml`. */
describe("authorities that are followed by others", function () {
  this.timeout(900_000);
  let putBack = () => {};
  after(() => Writer.clean());

  before(async () => {
    await assertIsTheFile();
    for (const node of former) keep(node);
    must('cp "$KUBECONFIG" .lab/former');
    if (joins === undefined) return;
    const { stdout: pem } = on(joins, "cat /var/lib/kubelet/pki/kubelet-client-current.pem");
    on(first, `umask 077; cat >/root/removed-kubelet.pem <<'END'\n${pem}END`);
    putBack = without(joins);
    const { status, output } = up();
    assert.equal(status, 0, output);
  });

  it("are told in the preview, with the order", () => {
    set("authorities", 2);
    const { status, output } = preview();
    assert.equal(status, 0, output);
    assert.match(output, /Authorities 1 -> 2, one line after the other/);
  });

  it("issue everything, though the operator is killed between, and nobody is refused", async () => {
    const token = must("kubectl --namespace default create token default --duration 2h").trim();
    if (joins !== undefined) {
      putBack();
      set("authorities", 2);
      assert.equal(answer(first, "/root/removed-kubelet.pem"), "200");
    }
    const writer = await Writer.start("api");
    const clients = { admin: startAdmin(), pod: startPod(token) };
    for (const step of [
      new RegExp(`:Command ${first}-credentials$`),
      new RegExp(`:Command ${masters[1] ?? first}-control-plane$`),
      new RegExp(`:Command ${last}-kubelet$`),
    ]) {
      await killedAt(step);
      if (/control-plane/.test(step.source)) assertManagerStarts(masters[masters.length - 1] ?? "");
    }
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.deepEqual(
      { admin: clients.admin.stop(), pod: clients.pod.stop() },
      { admin: "", pod: "" },
    );
    const report = await writer.stop();
    assertNothingLost(report);
    if (masters.length > 2) assert.deepEqual(report.failed, []);
    for (const node of nodes) {
      assert.deepEqual(issuers(node), of(node, "-2"), node);
      assert.equal(shown(`${addressOf(node)}:10250`), "issuer=CN=kubelet-serving-ca-2", node);
    }
    for (const master of masters) {
      const ip = addressOf(master);
      assert.equal(shown(`${ip}:6443`), "issuer=CN=kubernetes-2", master);
      assert.equal(shown(`${ip}:2379`), "issuer=CN=etcd-ca-2", master);
    }
    await assertIsTheFile();
  });

  it("are not forgotten while pods may trust them alone", () => {
    set("oldest_authorities", 2);
    const early = up();
    assert.notEqual(early.status, 0);
    assert.match(
      early.output,
      /pods have started before they were told of authorities 2.*data-plane\/reach-/s,
    );
    for (const node of former) assert.equal(answer(node, "/root/former-kubelet.pem"), "200", node);
  });

  it("end with all that they issued when nobody needs them", async () => {
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    kubectl("delete pods --all --namespace data-plane --wait=false");
    await eventually(
      () => kubectl("--namespace data-plane rollout status daemonset/reach --timeout 20s"),
      90,
    );
    const writer = await Writer.start("api");
    const result = up();
    assert.equal(result.status, 0, result.output);
    const report = await writer.stop();
    assertNothingLost(report);
    if (masters.length > 2) assert.deepEqual(report.failed, []);
    const { status, output } = run("kubectl --kubeconfig .lab/former get nodes");
    assert.notEqual(status, 0, output);
    assert.match(output, /x509|certificate/);
    if (joins !== undefined) assert.equal(answer(first, "/root/removed-kubelet.pem"), "401");
    for (const node of former) assert.equal(answer(node, "/root/former-kubelet.pem"), "401", node);
    for (const node of nodes) {
      assert.equal(answer(node, "/var/lib/kubelet/pki/kubelet-client-current.pem"), "200", node);
      assert.deepEqual(issuers(node), of(node, "-2"), node);
      const trusted = on(node, "grep -c BEGIN /etc/kubernetes/pki/ca.crt").stdout.trim();
      assert.equal(trusted, "1", node);
    }
    const told = kubectl(
      "--namespace kube-system get configmap extension-apiserver-authentication --output yaml",
    );
    assert.equal(told.match(/BEGIN CERTIFICATE/g)?.length, 2, told);
    for (const master of masters) {
      const ask = (pem: string) =>
        on(
          master,
          `curl --silent --max-time 5 --cacert /etc/etcd/pki/ca.crt --cert ${pem} https://127.0.0.1:2379/health`,
        ).status;
      on(master, "cat /etc/etcd/pki/server.{crt,key} >/root/present-etcd.pem");
      assert.equal(ask("/root/present-etcd.pem"), 0, master);
      assert.notEqual(ask("/root/former-etcd.pem"), 0, master);
    }
    await assertIsTheFile();
  });

  it("are not taken back", () => {
    const back = set("authorities", 1);
    const also = set("oldest_authorities", 1);
    const { status, output } = up();
    also();
    back();
    assert.notEqual(status, 0);
    assert.match(
      output,
      /authorities: 1 is a former number, and certificates are issued by authorities 2/,
    );
  });
});
