import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { servicePath } from "../../config/artifacts";
import { type Graph, recordProgram } from "../graph/record";
import { sampleFile } from "../graph/samples";
import { versionsAt } from "./clusterSample";
import { assertRefused, FakeMachine, replaced } from "./fakeMachine";
import { stepOf, take } from "./furnish";

const unit = "etc/systemd/system/kube-proxy.service";
const mode = "var/lib/cluster-state/proxy-mode";

/** The sample cluster with other settings of kube-proxy. */
async function withProxy(settings: object): Promise<Graph> {
  const file = parseDocument(readFileSync(sampleFile("small"), "utf8"));
  file.setIn(["cluster", "kubernetes", "kube_proxy"], settings);
  const folder = mkdtempSync(join(tmpdir(), "groundwork-cluster-"));
  try {
    writeFileSync(join(folder, "cluster.yaml"), String(file));
    return await recordProgram(join(folder, "cluster.yaml"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("a node whose kube-proxy gets another mode", function () {
  this.timeout(60_000);
  const graphs: Record<string, Graph> = {};
  let machine: FakeMachine;
  before(async () => {
    graphs.nftables = await withProxy({});
    graphs.iptables = await withProxy({ mode: "iptables", nodeport_addresses: ["primary"] });
    graphs.off = await withProxy({ mode: "off" });
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graphs.nftables as Graph, "worker-01");
    const { status, stderr } = machine.run(
      stepOf(graphs.nftables as Graph, "worker-01", "prepare"),
    );
    assert.equal(status, 0, stderr);
    machine.write("var/lib/kubelet/pki/kubelet-client-current.pem", "certificate");
    cleanup("true");
  });
  afterEach(() => machine.close());

  /** What kube-proxy does with its rules, told among the calls. */
  const cleanup = (then: string) =>
    machine.write(
      servicePath("kube-proxy", versionsAt()).slice(1),
      `#!/bin/sh\necho "kube-proxy $*" >>"$FAKE_ROOT/calls"\n${then}\n`,
      0o755,
    );
  const kubelet = (to: string) => stepOf(graphs[to] as Graph, "worker-01", "kubelet");
  const becomes = (to: string) => {
    const { status, stderr, calls } = machine.run(kubelet(to));
    assert.equal(status, 0, stderr);
    assert.equal(machine.read(mode), `${to}\n`);
    return calls.filter((call) => /kube-proxy/.test(call) && !/ (show|is-\w+) /.test(call));
  };

  it("has the former one's rules taken off before the new one starts, once", () => {
    assert.ok(!becomes("nftables").includes("kube-proxy --cleanup"), "on a fresh node");
    const changes = becomes("iptables");
    const at = (call: RegExp) => changes.findIndex((one) => call.test(one));
    assert.ok(at(/^systemctl stop /) < at(/^kube-proxy --cleanup/), changes.join("\n"));
    assert.ok(at(/^kube-proxy --cleanup/) < at(/^systemctl (re)?start /), changes.join("\n"));
    assert.match(
      machine.read(unit),
      /--proxy-mode=iptables .*\n.*\n *--nodeport-addresses=primary/,
    );
    assert.deepEqual(becomes("iptables"), []);
  });

  it("has it done by the next run, where one was cut short, or a release before did not note its mode", () => {
    becomes("nftables");
    machine.remove(mode);
    cleanup("echo no nft >&2; exit 1");
    assertRefused(machine.run(kubelet("iptables")), /did not take off the rules .*: no nft/);
    assert.equal(machine.read(mode), "changing\n");
    assert.match(machine.read(unit), /--proxy-mode=nftables/);
    cleanup("true");
    assert.ok(becomes("nftables").includes("kube-proxy --cleanup"));
  });

  it("runs none where it is off, and again where it is not", () => {
    becomes("nftables");
    assert.ok(becomes("off").includes("kube-proxy --cleanup"));
    assert.ok(!machine.exists(unit));
    assert.deepEqual(becomes("off"), []);
    assert.ok(!becomes("nftables").includes("kube-proxy --cleanup"));
    assert.ok(machine.exists(unit));
  });

  it("does not wait for pods to reach Services where others lead there, nor for CoreDNS", () => {
    becomes("off");
    const program = replaced(
      kubelet("off"),
      "curl --silent --noproxy '*' --fail --output /dev/null --max-time 3",
      "false",
    );
    assert.equal(machine.run(program).status, 0);
    const annotations = (to: string) => {
      const dns = graphs[to]?.resources.find(
        ({ type }) => type === "kubernetes:apps/v1:Deployment",
      );
      return Object.keys((dns?.inputs.metadata as { annotations: object }).annotations);
    };
    const patience = "pulumi.com/timeoutSeconds";
    assert.deepEqual(annotations("nftables"), [patience]);
    assert.deepEqual(annotations("off"), ["pulumi.com/skipAwait", patience]);
  });
});
