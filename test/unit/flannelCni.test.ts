import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { part } from "../../steps/program";

/** What the script calls, one line a call; `bridge` with what it read. */
type Calls = readonly string[];

describe("flannel's CNI script", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-cni-"));
    const said = (name: string) => `echo "${name} $*" >>"${folder}/calls"`;
    program("bin/ip", `${said("ip")}\n[ "$1" != -json ] || cat "${folder}/cni0.json"`);
    program("bin/ctr", said("ctr"));
    program("bin/curl", `[ ! -e "${folder}/node.json" ] || cat "${folder}/node.json"`);
    program(
      "cni/bridge",
      `echo "bridge $CNI_COMMAND $CNI_NETNS $(jq -c .ipam)" >>"${folder}/calls"\n[ ! -e "${folder}/broken" ] || { echo no address; exit 1; }`,
    );
    put("flannel/subnet.env", "FLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=1450\n");
    put("calls", "");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const program = (path: string, body: string) => {
    put(path, `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, path), 0o755);
  };
  /** A bridge with an address, and pods' addresses with the sandbox of each, as host-local keeps them. */
  const bridgeAt = (address: string, pods: Readonly<Record<string, string>>) => {
    put("net/cni0/ifindex", "5");
    put("cni0.json", JSON.stringify([{ addr_info: [{ local: address }] }]));
    put("networks/flannel/last_reserved_ip.0", "10.244.1.9");
    for (const [ip, sandbox] of Object.entries(pods))
      put(`networks/flannel/${ip}`, `${sandbox}\r\neth0`);
  };
  const given = (podCIDR: string) => put("node.json", JSON.stringify({ spec: { podCIDR } }));

  function run(): { status: number | null; stderr: string; calls: Calls } {
    const script = part("flannel-cni")
      .text.replaceAll("/run/flannel/", `${folder}/flannel/`)
      .replaceAll("/etc/cni/net.d", `${folder}/net.d`)
      .replaceAll("/sys/class/net/", `${folder}/net/`)
      .replaceAll("/var/lib/cni/networks/", `${folder}/networks/`)
      .replaceAll("/usr/lib/cni/bridge", `${folder}/cni/bridge`);
    const { status, stderr } = spawnSync("sh", ["-s"], {
      input: script,
      encoding: "utf8",
      env: { PATH: `${folder}/bin:${process.env.PATH}`, NODE_NAME: "worker-01" },
    });
    const calls = readFileSync(join(folder, "calls"), "utf8").split("\n").slice(0, -1);
    return { status, stderr, calls };
  }
  const conflist = () =>
    JSON.parse(readFileSync(join(folder, "net.d/10-flannel.conflist"), "utf8")) as {
      plugins: Record<string, unknown>[];
    };
  const ended = (calls: Calls) => calls.filter((call) => /^ctr |link delete/.test(call));

  it("writes a configuration for the subnet that flanneld got, without the probe's address", () => {
    const { status, stderr } = run();
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    const [bridge] = conflist().plugins;
    assert.equal(bridge?.mtu, 1450);
    assert.equal(bridge?.isDefaultGateway, true, "pods have no way out of their node");
    assert.deepEqual(bridge?.ipam, {
      type: "host-local",
      ranges: [[{ subnet: "10.244.3.0/24", rangeEnd: "10.244.3.253" }]],
    });
  });

  it("makes the probe's namespace anew, at the last address of the node's network", () => {
    const { calls } = run();
    const at = (start: string) => calls.findIndex((call) => call.startsWith(start));
    assert.ok(at("ip netns delete") < at("ip netns add groundwork-probe"));
    assert.ok(at("ip netns add") < at("bridge ADD /run/netns/groundwork-probe"));
    assert.match(
      calls[at("bridge")] ?? "",
      /"type":"static","addresses":\[\{"address":"10\.244\.3\.254\/24","gateway":"10\.244\.3\.1"\}\]/,
    );
  });

  for (const [subnet, rangeEnd, probe, mine, others] of [
    ["10.244.3.129/25", "10.244.3.253", "10.244.3.254", "10.244.3.130", "10.244.3.2"],
    ["10.244.6.1/23", "10.244.7.253", "10.244.7.254", "10.244.7.9", "10.244.5.9"],
    ["10.244.3.17/28", "10.244.3.29", "10.244.3.30", "10.244.3.18", "10.244.3.33"],
    ["10.244.0.1/16", "10.244.255.253", "10.244.255.254", "10.244.200.2", "10.245.0.2"],
  ] as const) {
    it(`does all of it in a network of another size: ${subnet}`, () => {
      const network = subnet.replace(/(\d+)\/(\d+)$/, (_, d: string, n) => `${Number(d) - 1}/${n}`);
      const gateway = subnet.replace(/\/.*/, "");
      put("flannel/subnet.env", `FLANNEL_SUBNET=${subnet}\nFLANNEL_MTU=1450\n`);
      bridgeAt(gateway, { [mine]: "mine", [others]: "others" });
      given(network);
      const { status, stderr, calls } = run();
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      const [bridge] = conflist().plugins;
      assert.deepEqual(bridge?.ipam, {
        type: "host-local",
        ranges: [[{ subnet: network, rangeEnd }]],
      });
      const made = calls.find((call) => call.startsWith("bridge")) ?? "";
      const length = subnet.split("/")[1];
      assert.ok(made.includes(`"address":"${probe}/${length}","gateway":"${gateway}"`), made);
      assert.deepEqual(ended(calls), ["ctr --namespace k8s.io tasks kill --signal SIGKILL others"]);
      bridgeAt(others, {});
      assert.ok(ended(run().calls).includes("ip link delete cni0"));
    });
  }

  it("gives the link that was there the MTU that flanneld reckons with now", () => {
    for (const [former, calls] of [
      ["1450", []],
      ["8950", ["ip link set dev flannel.1 mtu 1450"]],
    ] as const) {
      put("calls", "");
      put("net/flannel.1/mtu", `${former}\n`);
      assert.deepEqual(
        run().calls.filter((call) => call.includes("mtu")),
        calls,
      );
    }
  });

  it("runs nothing of what flanneld wrote, who is not root", () => {
    for (const text of [
      `FLANNEL_SUBNET=$(touch ${folder}/ran)\nFLANNEL_MTU=1450\n`,
      `FLANNEL_SUBNET=10.244.3.1/24;touch ${folder}/ran\nFLANNEL_MTU=1450\n`,
      `FLANNEL_SUBNET=a[$(touch ${folder}/ran)]/24\nFLANNEL_MTU=1450\n`,
      `PATH=${folder}\ntouch ${folder}/ran\n`,
    ]) {
      put("flannel/subnet.env", text);
      assert.notEqual(run().status, 0, text);
      assert.ok(!existsSync(join(folder, "ran")), text);
      assert.ok(!existsSync(join(folder, "net.d/10-flannel.conflist")), text);
    }
  });

  it("leaves pods and their bridge alone where the network is the same", () => {
    bridgeAt("10.244.3.1", { "10.244.3.2": "a", "10.244.3.17": "b" });
    given("10.244.3.0/24");
    const { status, calls } = run();
    assert.equal(status, 0);
    assert.deepEqual(ended(calls), []);
  });

  it("takes pods off a former network, and the bridge with it", () => {
    bridgeAt("10.244.30.1", { "10.244.30.2": "a", "10.244.3.2": "mine", "10.244.30.3": "b" });
    given("10.244.3.0/24");
    const { status, calls } = run();
    assert.equal(status, 0);
    assert.deepEqual(ended(calls), [
      "ip link delete cni0",
      "ctr --namespace k8s.io tasks kill --signal SIGKILL a",
      "ctr --namespace k8s.io tasks kill --signal SIGKILL b",
    ]);
    const added = calls.findIndex((call) => call.startsWith("bridge"));
    assert.ok(calls.indexOf("ip link delete cni0") < added, "the plugin refuses the old bridge");
  });

  it("goes on past a sandbox that is gone already", () => {
    bridgeAt("10.244.30.1", { "10.244.30.2": "a" });
    program("bin/ctr", "exit 1");
    assert.equal(run().status, 0);
  });

  it("fails when the Node has another network, so that flanneld asks again", () => {
    given("10.244.8.0/24");
    const { status, stderr } = run();
    assert.equal(status, 1);
    assert.match(stderr, /flanneld has 10\.244\.3\.0\/24, Kubernetes gave 10\.244\.8\.0\/24/);
  });

  it("believes flanneld where the API does not answer, or the Node has no network yet", () => {
    assert.equal(run().status, 0);
    put("node.json", '{"spec": {}}');
    assert.equal(run().status, 0);
  });

  it("fails with the plugin's words when the namespace cannot be made", () => {
    put("broken", "");
    const { status, stderr } = run();
    assert.equal(status, 1);
    assert.match(stderr, /no address/);
  });
});
