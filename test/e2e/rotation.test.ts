import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost, etcdctl, fileNodes, unlock } from "./expected";
import { editCluster, eventually, kubectl, must, on, preview, up } from "./lab";
import { killedAt, Operator } from "./operator";
import { startClient } from "./workload";
import { Writer } from "./writer";

const masters = fileNodes("master");
const [first = ""] = masters;
/** More than the step looks at in one go. */
const many = 230;

/** By which keys Secrets are encrypted in etcd, as a member has them: name of the key -> how many. */
function stored(master: string): Record<string, number> {
  const { stdout } = on(
    master,
    `${etcdctl} get --prefix /registry/secrets/ -w json | jq -c '
      [.kvs[] | .value[:64] | @base64d | if startswith("k8s:enc:secretbox:v1:") then split(":")[4] else "none" end]
      | group_by(.) | map({ key: .[0], value: length }) | from_entries'`,
  );
  return JSON.parse(stdout) as Record<string, number>;
}

/** Names of the keys that a master's API server is given. */
const keysOf = (master: string) =>
  on(
    master,
    "jq -r '[.resources[0].providers[].secretbox.keys[]?.name] | join(\" \")' /etc/kubernetes/encryption.yaml",
  ).stdout.trim();

const started = (master: string) =>
  on(master, "systemctl show -P ExecMainStartTimestampMonotonic kube-apiserver").stdout.trim();

/** Somebody who reads all Secrets by each API server in turn, and notes what was refused. */
const startReader = () =>
  startClient(
    "reader",
    `while sleep 0.3; do for one in ${masters.join(" ")}; do
    kubectl --context lab-$one --request-timeout 10s get secrets --all-namespaces --output name >/dev/null || echo "refused by $one"
  done; done`,
  );

const rotate = (number: number, field = "encryption_key") =>
  editCluster((file) => file.setIn(["cluster", "kubernetes", "rotations", field], number));

/** Which key signed a token. */
const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string })
    .kid;
const newToken = () =>
  must("kubectl --namespace default create token default --duration 2h").trim();

/** What each API server says to somebody who shows a token. */
const answers = (token: string) =>
  masters.map((master) =>
    on(
      master,
      `curl --silent --cacert /etc/kubernetes/pki/ca.crt --output /dev/null --write-out '%{http_code}' --header 'Authorization: Bearer ${token}' https://127.0.0.1:6443/api`,
    ).stdout.trim(),
  );

/** Somebody who shows a former token and one that was just made to each API server in turn, and notes who is not believed. */
function startShowing(former: string): { stop(): string } {
  const command = `while sleep 0.2; do
    for by in ${masters.join(" ")}; do
      new=$(kubectl --context lab-$by --request-timeout 5s --namespace default create token default 2>/dev/null) || continue
      for one in ${masters.join(" ")}; do
        for token in "${former}" "$new"; do
          said=$(kubectl --server "https://$(awk -v one=$one '$1 == one { print $2 }' .lab/machines):6443" --kubeconfig .lab/tokens --token "$token" --request-timeout 5s get --raw /api 2>&1) ||
            case $said in *nauthorized*) echo "a token by $by is not believed by $one" ;; esac
        done
      done
    done
  done`;
  must(
    `kubectl config view --raw --minify -o json | jq '.users = [{ name: "kubernetes-admin", user: {} }]' >.lab/tokens`,
  );
  return startClient("tokens", command);
}

describe("a key of service accounts that is followed by another", function () {
  this.timeout(600_000);
  let former = "";
  after(() => {
    Writer.clean();
  });

  it("has every token believed by every API server, though the operator is killed between", async () => {
    former = newToken();
    rotate(2, "service_account_key");
    const writer = await Writer.start("api");
    const showing = startShowing(former);
    for (const step of [
      /:Command master-02-service-account$/,
      /:Command master-02-control-plane$/,
    ]) {
      await killedAt(step);
    }
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.equal(showing.stop(), "");
    const report = await writer.stop();
    assertNothingLost(report);
    assert.deepEqual(report.failed, []);
    assert.notEqual(kidOf(newToken()), kidOf(former));
    assert.deepEqual(answers(former), ["200", "200", "200"]);
    await assertIsTheFile();
  });

  it("is not forgotten while pods have its tokens, and is then", async () => {
    rotate(2, "oldest_service_account_key");
    const early = up();
    assert.notEqual(early.status, 0);
    assert.match(early.output, /pods may still have tokens of the former key/);
    assert.deepEqual(answers(former), ["200", "200", "200"]);
    // An hour later, when all pods have others.
    for (const master of masters) on(master, "touch -d '2 hours ago' /etc/kubernetes/pki/sa.key");
    kubectl("-n kube-system rollout restart deployment coredns");
    kubectl("-n kube-system rollout status deployment coredns --timeout 120s");
    const recent = newToken();
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.deepEqual(answers(former), ["401", "401", "401"]);
    assert.deepEqual(answers(recent), ["200", "200", "200"]);
    await assertIsTheFile();
  });
});

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("a key of Secrets that is followed by another", function () {
  this.timeout(900_000);
  /** Name of a snapshot that is older than the second key. */
  let snapshot = "";
  after(() => {
    Writer.clean();
    kubectl("delete namespace rotation --ignore-not-found --wait=false");
  });

  before(() => {
    kubectl("create namespace rotation");
    const items = Array.from({ length: many }, (_, n) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: `before-${n}`, namespace: "rotation" },
      stringData: { n: String(n) },
      immutable: n % 2 === 0,
    }));
    kubectl("create -f -", JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  });

  before(() => {
    const { status, output } = on(first, "python3 -IB /usr/local/lib/groundwork/snapshot --now");
    assert.equal(status, 0, output);
    snapshot = on(first, "jq -r .good.name /var/lib/groundwork/snapshots/state.json").stdout.trim();
  });

  it("shows in the preview what is done in which order", () => {
    assert.deepEqual(Object.keys(stored(first)), ["key1"]);
    rotate(2);
    const { status, output } = preview();
    assert.equal(status, 0, output);
    assert.match(output, /Key of Secrets 1 -> 2, one line after the other/);
    assert.match(output, /\+\s+command:remote:Command\s+encryption\s+create/);
  });

  it("is used by all, though the operator is killed again and again, and nobody is refused", async () => {
    const before = masters.map(started);
    const writer = await Writer.start("secrets");
    const reader = startReader();
    // When a master encrypts with it; when it is in etcd; and when the first master has forgotten the former one.
    const moments: readonly ((operator: Operator) => Promise<unknown>)[] = [
      () => eventually(() => assert.equal(keysOf(masters[1] ?? ""), "key2 key1"), 180),
      () => eventually(() => assert.ok(stored(first).key2), 180),
      (operator) =>
        operator.until(
          ({ step, state }) => state === "begins" && / master-02-control-plane$/.test(step),
        ),
    ];
    for (const moment of moments) {
      const operator = new Operator();
      await moment(operator);
      operator.kill();
      await operator.result;
      console.log(
        `      killed: ${masters.map((one) => keysOf(one)).join(", ")}; etcd has ${JSON.stringify(stored(first))}`,
      );
      unlock();
    }
    const result = up();
    assert.equal(result.status, 0, result.output);
    const refused = reader.stop();
    const report = await writer.stop();
    assertNothingLost(report);
    assert.deepEqual(report.failed, []);
    assert.equal(refused, "");
    assert.deepEqual(masters.map(started), before, "an API server was restarted");
  });

  it("is the only one that anything is encrypted with, and that a master has", async () => {
    for (const master of masters) {
      const { key2 = 0, ...others } = stored(master);
      assert.ok(key2 >= many, `${key2} Secrets`);
      assert.deepEqual(others, {}, master);
      assert.equal(keysOf(master), "key2", master);
      assert.equal(
        on(master, "grep -rIl '\"key1\"' /etc/kubernetes /var/lib/groundwork /run/groundwork")
          .stdout,
        "",
        master,
      );
    }
    // Each has forgotten the former one when it has looked again.
    await eventually(() => {
      for (const master of masters) {
        const { stdout } = on(
          master,
          `hash=$(sha256sum /etc/kubernetes/encryption.yaml | cut -d ' ' -f 1)
           KUBECONFIG=/etc/kubernetes/admin.conf kubectl get --server=https://127.0.0.1:6443 --raw /metrics | grep -c "encryption_config_controller_last_config_info.*$hash"`,
        );
        assert.equal(stdout.trim(), "1", master);
      }
    }, 90);
    const names = must(
      "kubectl -n rotation get secrets -o json | jq -r '.items[].data.n | @base64d'",
    );
    assert.equal(names.trim().split("\n").length, many);
    await assertIsTheFile();
  });

  it("is kept for a snapshot that is older than the next one, whose Secrets are encrypted anew", async () => {
    const back = editCluster((file) =>
      file.setIn(["cluster", "etcd", "restore"], {
        epoch: 1,
        node: first,
        snapshot,
        discard_living: true,
      }),
    );
    const restored = up();
    assert.equal(restored.status, 0, restored.output);
    assert.deepEqual(masters.map(keysOf), ["key2 key1", "key2 key1", "key2 key1"]);
    for (const master of masters) assert.deepEqual(Object.keys(stored(master)), ["key2"]);
    assert.equal(must("kubectl -n rotation get secrets -o name").trim().split("\n").length, many);
    back();
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.deepEqual(masters.map(keysOf), ["key2", "key2", "key2"]);
    await assertIsTheFile();
  });

  it("is not taken back", () => {
    const back = rotate(1);
    const { status, output } = up();
    back();
    assert.notEqual(status, 0);
    assert.match(output, /encryption_key: 1 is a former key, and Secrets are encrypted with key 2/);
    assert.deepEqual(masters.map(keysOf), ["key2", "key2", "key2"]);
  });
});
