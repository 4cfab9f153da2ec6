import assert from "node:assert/strict";
import { prepare } from "../../steps/prepare";
import { wholeProgram } from "../graph/deliveries";
import { planOf, sampleFile, withValue } from "./clusterSample";
import { FakeMachine } from "./fakeMachine";
import { clusterId } from "./furnish";

describe("the clock of a machine", function () {
  this.timeout(60_000);
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
    machine.lock(clusterId, "storage-01");
    run([]);
  });
  afterEach(() => machine.close());

  /** Prepares a machine of Ceph alone, which has the shortest way. */
  function run(servers: readonly string[]) {
    const file = withValue(sampleFile(), ["cluster", "ntp_servers"], servers);
    const cluster = planOf(withValue(file, ["nodes", 1, "roles"], ["ceph-mon"]));
    const node = cluster.nodes.find(({ roles }) => roles.includes("ceph-mon"));
    assert.ok(node);
    const { variables, files, script } = prepare({ cluster, node, salt: "" });
    const step = { NODE: "storage-01", NODE_IP: "10.0.0.21", STEP: script, CLUSTER_ID: clusterId };
    const outcome = machine.run(
      wholeProgram({
        script,
        variables: { ...step, CLUSTER_NAME: "sample", ...(variables as Record<string, string>) },
        files: files as [],
      }),
    );
    assert.equal(outcome.status, 0, outcome.stderr);
    return outcome;
  }
  const acts = ({ calls }: { readonly calls: readonly string[] }) =>
    calls.filter((call) =>
      /^systemctl (start|restart|try-restart) .*(chrony|timesyncd)/.test(call),
    );

  it("is left alone where the file names no servers", () => {
    const outcome = run([]);
    assert.equal(outcome.stdout, "unchanged");
    assert.deepEqual(acts(outcome), []);
  });

  it("is set by systemd-timesyncd, which is installed where nothing else sets it", () => {
    machine.write("state/missing", "systemd-timesyncd\n");
    const outcome = run(["ntp1.example.org", "10.0.0.3"]);
    assert.match(outcome.calls.join("\n"), /^apt-get .* install .* systemd-timesyncd$/m);
    assert.deepEqual(acts(outcome), ["systemctl start --no-block systemd-timesyncd.service"]);
    assert.equal(
      machine.read("etc/systemd/timesyncd.conf.d/groundwork.conf"),
      "[Time]\nNTP=ntp1.example.org 10.0.0.3\n",
    );
    assert.equal(run(["ntp1.example.org", "10.0.0.3"]).stdout, "unchanged");
  });

  it("is set by chrony where that is installed, and as before when the file names none any more", () => {
    machine.write("bin/chronyd", "#!/bin/sh\n", 0o755);
    machine.write("state/missing", "systemd-timesyncd\n");
    const outcome = run(["ntp1.example.org"]);
    assert.doesNotMatch(outcome.calls.join("\n"), /^apt-get/m);
    assert.deepEqual(acts(outcome), ["systemctl start --no-block chrony.service"]);
    const sources = "etc/chrony/sources.d/groundwork.sources";
    assert.equal(machine.read(sources), "server ntp1.example.org iburst\n");
    assert.deepEqual(acts(run([])), ["systemctl try-restart chrony.service"]);
    assert.ok(!machine.exists(sources));
    assert.equal(run([]).stdout, "unchanged");
  });
});
