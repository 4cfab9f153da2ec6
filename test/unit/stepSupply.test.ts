import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { servicePath } from "../../config/artifacts";
import type { Graph } from "../graph/record";
import { recordFile } from "../graph/nodes";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { clusterId, stepOf, take } from "./furnish";
import { sampleFile, versionsAt, withValue } from "./clusterSample";

const sum = (text: string) => createHash("sha256").update(text).digest("hex");

describe("what a machine gets from elsewhere", function () {
  this.timeout(120_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  const proxied = (calls: readonly string[]) =>
    calls.flatMap((call) => /^proxied (\S+) by (\S*), not (.*)$/.exec(call)?.slice(1, 4) ?? []);
  const tool = (scheme: string) => `${sum("tool")} ${scheme}://mirror/tool /usr/local/bin/tool`;

  it("comes by the proxy of the machine's environment, by which it asks nobody of the cluster", () => {
    take(machine, small, "master-01");
    machine.write("var/lib/etcd/member/data", "");
    machine.write("state/mirror", "tool");
    const login = { https_proxy: "http://theirs:3128", no_proxy: "intranet" };
    machine.write("state/missing", "socat\n");
    const vars = { ARTIFACTS: tool("https"), PACKAGES: "socat" };
    const prepare = machine.run(programOf(small, "master-01-prepare", vars), "create", login);
    assert.equal(prepare.status, 0, prepare.stderr);
    assert.equal(machine.read("usr/local/bin/tool"), "tool");
    const outside = ["https://mirror/tool", "http://theirs:3128", "intranet"];
    const by = proxied(prepare.calls);
    assert.deepEqual(by.slice(by.indexOf("https://mirror/tool")).slice(0, 3), outside);
    const aptAt = by.indexOf("apt-get");
    assert.deepEqual(by.slice(aptAt, aptAt + 3), ["apt-get", "http://theirs:3128", "intranet"]);
    for (const step of ["credentials", "control-plane", "kubelet", "admit"]) {
      const { calls, status, stderr } = machine.run(
        programOf(small, `master-01-${step}`),
        "create",
        login,
      );
      assert.equal(status, 0, stderr);
      const asked = proxied(calls);
      assert.ok(asked.length > 3, step);
      for (let i = 2; i < asked.length; i += 3)
        assert.equal(asked[i], "*", `${step}: ${asked[i - 2]}`);
    }
  });

  it("comes by the proxy of the file, whatever the machine's environment says", () => {
    take(machine, small, "worker-01");
    machine.write("state/mirror", "tool");
    machine.write("state/missing", "socat\n");
    const vars = {
      ARTIFACTS: tool("https"),
      PACKAGES: "socat",
      PROXY: "https_proxy=http://ours:3128 no_proxy=.svc NO_PROXY=.svc",
    };
    const login = { https_proxy: "http://theirs:3128", HTTPS_PROXY: "http://theirs:3128" };
    const { calls, stderr } = machine.run(
      programOf(small, "worker-01-prepare", vars),
      "create",
      login,
    );
    const by = proxied(calls);
    for (const who of ["apt-get", "https://mirror/tool"]) {
      const at = by.indexOf(who);
      assert.deepEqual(by.slice(at, at + 3), [who, "http://ours:3128", ".svc"], stderr);
    }
    machine.write("state/gone", "https://mirror/gone");
    const gone = { ...vars, ARTIFACTS: `${sum("gone")} https://mirror/gone /usr/local/bin/gone` };
    assertRefused(
      machine.run(programOf(small, "worker-01-prepare", gone)),
      /check that the machine reaches it by cluster\.proxy/,
    );
  });

  it("may come over http, as it is known by its hash", () => {
    take(machine, small, "worker-01");
    machine.write("state/mirror", "tool");
    const prepare = (vars: Record<string, string>) =>
      machine.run(programOf(small, "worker-01-prepare", vars));
    const { status, stderr } = prepare({ ARTIFACTS: tool("http") });
    assert.equal(status, 0, stderr);
    assert.equal(machine.read("usr/local/bin/tool"), "tool");
    machine.write("state/mirror", "evil");
    assertRefused(
      prepare({ ARTIFACTS: `${sum("other")} http://mirror/other /usr/local/bin/other` }),
      /other is not what was asked for/,
    );
    assert.ok(!machine.exists("usr/local/bin/other"));
  });

  it("is put back when it is no longer what was installed, though a service runs it", () => {
    take(machine, small, "master-01");
    const prepare = stepOf(small, "master-01", "prepare");
    assert.equal(machine.run(prepare).status, 0);
    const placeOf = (name: string) =>
      join(
        machine.root,
        name === "etcdctl" ? "usr/local/bin/etcdctl" : servicePath(name, versionsAt()),
      );
    const tampered: Record<string, (path: string) => void> = {
      // Written over where it lies, and replaced as packages do.
      over: (path) => writeFileSync(path, "evil"),
      replaced: (path) => {
        writeFileSync(`${path}.evil`, "evil");
        renameSync(`${path}.evil`, path);
      },
    };
    for (const [how, tamper] of Object.entries(tampered)) {
      const before = new Map(
        ["etcd", "etcdctl", "kubelet"].map((name) => [name, readFileSync(placeOf(name), "utf8")]),
      );
      machine.write("state/units/kubelet.service.active", "2026-01-01 00:00:00 UTC");
      machine.write("state/mirror", before.get("kubelet") ?? "");
      for (const name of before.keys()) tamper(placeOf(name));
      const program = prepare.replace(
        /https:\/\/dl\.k8s\.io\S*kubelet /,
        "https://mirror/kubelet ",
      );
      const { status, stderr } = machine.run(program);
      assert.equal(status, 0, `${how}: ${stderr}`);
      for (const [name, text] of before)
        assert.equal(readFileSync(placeOf(name), "utf8"), text, `${name} ${how}: ${stderr}`);
      assert.equal(machine.run(program).stdout, "unchanged", how);
    }
    // Another program than the one that was installed is none that comes back.
    machine.write("state/mirror", "newer");
    const newer = `${sum("newer")} https://mirror/newer ${servicePath("kubelet", versionsAt())}`;
    assertRefused(
      machine.run(programOf(small, "master-01-prepare", { ARTIFACTS: newer })),
      /kubelet runs here, and the file asks for another/,
    );
  });

  it("is what containerd reads of registries and proxies, until the file no longer has it", async () => {
    machine.write("password", "hunter2\n");
    const login = { username: "me", password_file: join(machine.root, "password") };
    const entries = {
      "registry.site": login,
      "registry.k8s.io": { mirrors: [{ url: "https://registry.site" }] },
    };
    const proxy = { https: "http://proxy:3128" };
    const registries = await recordFile(
      withValue(
        withValue(sampleFile(), ["cluster", "registries"], entries),
        ["cluster", "proxy"],
        proxy,
      ),
    );
    const inputs = registries.resources.map(({ inputs }) => JSON.stringify(inputs));
    assert.ok(!inputs.some((text) => text.includes("hunter2")), "the password is in the state");
    // What tells a password's digest of another's tells who guesses it: each machine's has something of its own in it.
    const shown = inputs.flatMap(
      (text) => /registry_logins\(\) \{ cat \S+\/(\w+)/.exec(text)?.[1] ?? [],
    );
    assert.equal(new Set(shown).size, 3, shown.join());
    const before = await recordFile(sampleFile());
    machine.lock(clusterId, "worker-01");
    const theirs = "etc/containerd/certs.d/docker.io/hosts.toml";
    machine.write(theirs, "theirs");
    const run = (graph: Graph) => {
      const { status, stderr, stdout, calls } = machine.run(
        programOf(graph, "worker-01-prepare", { ARTIFACTS: "" }),
      );
      assert.equal(status, 0, stderr);
      return {
        stdout,
        restarts: calls.filter((call) => /^systemctl (re)?start .*containerd/.test(call)).length,
      };
    };
    const toml = () => machine.read("etc/containerd/config.toml");
    const drop = "etc/systemd/system/containerd.service.d/groundwork-proxy.conf";
    const hosts = "etc/containerd/certs.d/registry.k8s.io/hosts.toml";
    assert.equal(run(before).restarts, 1);
    assert.ok(!/auth/.test(toml()));
    assert.equal(run(registries).restarts, 1, "containerd goes by what it read before");
    assert.match(toml(), /\n\s*\[plugins\.".*cri"\.registry\.configs\."registry\.site"\.auth\]\n/);
    assert.match(toml(), /password = "hunter2"/);
    assert.ok(machine.exists(drop) && machine.exists(hosts));
    assert.deepEqual(run(registries), { stdout: "unchanged", restarts: 0 });
    assert.equal(run(before).restarts, 1, "it still asks the proxy");
    assert.ok(!/hunter2/.test(toml()));
    assert.ok(!machine.exists(drop) && !machine.exists(hosts));
    assert.ok(!machine.exists("etc/containerd/certs.d/registry.k8s.io"), "it hides _default");
    assert.equal(machine.read(theirs), "theirs");
    assert.deepEqual(run(before), { stdout: "unchanged", restarts: 0 });
    assert.equal(run(registries).restarts, 1);
    assert.ok(machine.exists(drop) && machine.exists(hosts), "it does not come again");
  });
});
