import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost, fileNodes } from "../expected";
import { editCluster, eventually, json, on, up } from "../lab";
import { Writer } from "../writer";

/** When a unit was started last. */
const started = (node: string, unit: string) =>
  on(node, `systemctl show --property=ExecMainStartTimestampMonotonic --value ${unit}`).stdout;
const flags = (node: string) => on(node, "ps -C kube-apiserver -o args=").stdout;
const apiServer = (extra_args: Record<string, string>) =>
  editCluster((file) => file.setIn(["cluster", "kubernetes", "api_server"], { extra_args }));

describe("a changed setting", function () {
  this.timeout(600_000);
  const masters = fileNodes("master");
  const [first = "", ...others] = masters;
  const units = ["etcd", "kube-scheduler", "kubelet", "containerd"];
  const times = (nodes: readonly string[], of: readonly string[]) =>
    nodes.map((node) => of.map((unit) => started(node, unit)));
  after(() => Writer.clean());

  it("that an API server does not take stops at the first master, and is undone there", async () => {
    const before = times(others, ["kube-apiserver", ...units]);
    const restore = apiServer({ "max-requests-inflight": "many" });
    try {
      const result = up();
      assert.notEqual(result.status, 0);
      assert.match(result.output, /control-plane failed on master-01/);
      assert.match(result.output, /ends as soon as it is started/);
      assert.match(result.output, /the former files are back on master-01/);
    } finally {
      restore();
    }
    assert.deepEqual(times(others, ["kube-apiserver", ...units]), before, "others were touched");
    await eventually(() =>
      assert.equal(on(first, "curl -sfk https://127.0.0.1:6443/readyz").stdout, "ok"),
    );
    await assertIsTheFile();
  });

  it("that etcd does not take stops there, too, and leaves it as it was", async () => {
    const before = times(others, ["etcd"]);
    const restore = editCluster((file) =>
      file.setIn(["cluster", "kubernetes", "etcd"], {
        extra_args: { "heartbeat-interval": "soon" },
      }),
    );
    try {
      const result = up();
      assert.notEqual(result.status, 0);
      assert.match(result.output, /etcd failed on master-01/);
      assert.match(result.output, /the former files are back on master-01/);
    } finally {
      restore();
    }
    assert.deepEqual(times(others, ["etcd"]), before, "others were touched");
    await eventually(() =>
      assert.equal(on(first, "curl -sfk https://127.0.0.1:6443/readyz").stdout, "ok"),
    );
    await assertIsTheFile();
  });

  it("rolls through the masters, restarts nothing else, and lets every write through", async () => {
    const before = times(fileNodes(), units);
    const writer = await Writer.start("api");
    const restore = apiServer({ "event-ttl": "2h" });
    const result = up();
    const report = await writer.stop();
    assert.equal(result.status, 0, result.output);
    assertNothingLost(report);
    // A lone API server cannot restart unnoticed, but within a client's patience.
    assert.deepEqual(report.failed, []);
    for (const master of masters) assert.match(flags(master), /--event-ttl=2h/, master);
    assert.deepEqual(times(fileNodes(), units), before);
    await assertIsTheFile();
    restore();
    assert.equal(up().status, 0);
    assert.doesNotMatch(flags(first), /event-ttl/);
  });

  it("of the kubelets reaches every node, and restarts nothing but them and flannel", async () => {
    const others = ["etcd", "kube-apiserver", "kube-proxy", "containerd"];
    const before = times(fileNodes(), others);
    const restore = editCluster((file) =>
      file.setIn(["cluster", "kubernetes", "kubelet"], { config: { containerLogMaxFiles: 7 } }),
    );
    try {
      const result = up();
      assert.equal(result.status, 0, result.output);
      for (const node of fileNodes()) {
        const { kubeletconfig } = json<{ kubeletconfig: { containerLogMaxFiles: number } }>(
          `kubectl get --raw /api/v1/nodes/${node}/proxy/configz`,
        );
        assert.equal(kubeletconfig.containerLogMaxFiles, 7, node);
      }
      assert.deepEqual(times(fileNodes(), others), before);
    } finally {
      restore();
    }
    assert.equal(up().status, 0);
    await assertIsTheFile();
  });
});
