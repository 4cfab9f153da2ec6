import assert from "node:assert/strict";
import { servicePath } from "../../../config/artifacts";
import { loadCluster } from "../../../config/load";
import { assertIsTheFile, kubernetesNodes } from "../expected";
import { clusterFile, converge, on, run, up } from "../lab";

/** Puts something in a service's way on a machine, by an operator's hand. */
const put = (node: string, path: string, text: string) =>
  assert.equal(
    on(node, `mkdir -p "${path.replace(/\/[^/]*$/, "")}" && cat >"${path}" <<'END'\n${text}\nEND`)
      .status,
    0,
  );
const take = (node: string, path: string) => assert.equal(on(node, `rm "${path}"`).status, 0);

const toml = "/etc/containerd/conf.d/site.toml";
const dropIn = "/etc/systemd/system/etcd.service.d/site.conf";

/** What an `up` says that stops at a step, from that step's message on. */
function refusal(step: string, output: string): string {
  const found = new RegExp(`groundwork: ${step} failed on [^]*?(?=\\n\\S|$)`).exec(output);
  assert.ok(found, `${step} did not fail:\n${output}`);
  return found[0];
}

describe("a service that does not start", function () {
  this.timeout(600_000);
  before(() => {
    run("pulumi stack select dev --create");
    put("worker-01", toml, "[plugins");
    put(
      "master-01",
      dropIn,
      `[Service]\nExecStart=\nExecStart=${servicePath("etcd", loadCluster(clusterFile).versions)} --snapshot-count=many`,
    );
  });

  it("is named with its last words, wherever it is", () => {
    const { status, output } = up("--continue-on-error");
    assert.notEqual(status, 0);
    const containerd = refusal("prepare", output);
    assert.match(
      containerd,
      /^groundwork: prepare failed on worker-01 \(10\.77\.0\.21\): containerd did not start: a service ends as soon as it is started/,
    );
    assert.match(containerd, /last lines of containerd\.service:\n[^]*site\.toml/);
    const etcd = refusal("genesis", output);
    assert.match(
      etcd,
      /failed on master-01 \(10\.77\.0\.11\): etcd did not become healthy: a service ends as soon as it is started/,
    );
    assert.match(etcd, /what to do: mend what the lines below name/);
    assert.match(etcd, /last lines of etcd\.service:\n[^]*snapshot-count/);
  });

  it("shows who holds its port", () => {
    take("master-01", dropIn);
    on(
      "master-01",
      "systemctl daemon-reload; systemd-run --quiet --unit=squatter systemd-socket-activate --accept --listen=6443 true",
    );
    const { status, output } = up("--continue-on-error");
    assert.notEqual(status, 0);
    const api = refusal("control-plane", output);
    assert.match(api, /failed on master-01 \(10\.77\.0\.11\): the API server was not ready/);
    assert.match(
      api,
      /last lines of kube-apiserver\.service:\n[^]*6443: bind: address already in use/,
    );
  });

  it("keeps no other node from joining, where the operator says to go on", () => {
    on("master-01", "systemctl stop squatter");
    const { status, output } = up("--continue-on-error");
    assert.notEqual(status, 0);
    refusal("prepare", output);
    assert.deepEqual(kubernetesNodes("master-01"), ["master-01"]);
  });

  it("stands in the way of the next up no longer, once it is mended", async () => {
    take("worker-01", toml);
    converge();
    await assertIsTheFile();
  });
});
