import assert from "node:assert/strict";
import { type Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { take } from "./furnish";

const folder = "etc/groundwork/vip";

/** What `ip -json` says of a machine with one card; `state/vip` is there while it holds the address, `state/owner` another's card. */
const ip = `#!/bin/bash
case $* in
  *'address show to 10.0.0.11/32') echo '[{},{"ifname":"eth0"}]' ;;
  *'address show to 10.0.0.10/32') [ ! -e $FAKE_ROOT/state/vip ] && echo '[{}]' || echo '[{"ifname":"eth0"}]' ;;
  *'route get'*) cat $FAKE_ROOT/state/route ;;
  *'neigh show to 10.0.0.12'*) echo '[{"dst":"10.0.0.12","lladdr":"02:00:00:00:00:12"}]' ;;
  *'neigh show to 10.0.0.13'*) echo '[]' ;;
  *'neigh show'*) cat $FAKE_ROOT/state/owner 2>/dev/null || echo '[]' ;;
esac
`;

describe("a master that has its turn to hold the API's address", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("ceph");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    machine.remove("bin/ip");
    machine.write("bin/ip", ip, 0o755);
    machine.write("bin/keepalived", "#!/bin/sh\n", 0o755);
    machine.write("state/route", '[{"dst":"10.0.0.10","dev":"eth0"}]');
    machine.write("state/vip", "");
  });
  afterEach(() => machine.close());

  const program = (vars = {}) => programOf(graph, "master-01-vip", vars);
  const runs = (vars = {}) => {
    const { status, stdout, stderr } = machine.run(program(vars));
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const heard = () => {
    const [, peers = ""] =
      /unicast_peer \{([^}]*)\}/.exec(machine.read(`${folder}/keepalived.conf`)) ?? [];
    return peers.trim().split(/\s+/);
  };

  it("hears its peers and nobody else, and is left alone the second time", () => {
    assert.match(runs(), /^changed/);
    assert.deepEqual(heard(), ["10.0.0.12", "10.0.0.13"]);
    assert.match(
      machine.read(`${folder}/peers.nft`),
      /ip protocol 112 ip saddr != \{ 10\.0\.0\.12,10\.0\.0\.13 \} drop/,
    );
    const configuration = machine.read(`${folder}/keepalived.conf`);
    for (const line of [
      "state BACKUP",
      "nopreempt",
      "enable_script_security",
      "10.0.0.10/32 dev eth0",
    ])
      assert.ok(configuration.includes(`${line}\n`), line);
    assert.doesNotMatch(configuration, /rt_priority|auth_pass/);
    assert.equal(runs(), "unchanged");
  });

  it("hears one that leaves until it has left, which the next list says", () => {
    runs();
    runs({ PEERS: "10.0.0.11 10.0.0.12" });
    assert.deepEqual(heard(), ["10.0.0.12", "10.0.0.13"]);
    assert.equal(runs({ PEERS: "10.0.0.11 10.0.0.12" }), "unchanged");
    runs({ PEERS: "10.0.0.11 10.0.0.12 10.0.0.14" });
    assert.deepEqual(heard(), ["10.0.0.12", "10.0.0.14"]);
  });

  it("drops all VRRP where it is alone", () => {
    runs({ PEERS: "10.0.0.11" });
    assert.match(machine.read(`${folder}/peers.nft`), /^ *ip protocol 112 drop$/m);
  });

  it("refuses an address that another machine has, or that is elsewhere", () => {
    machine.write("state/no-api", "10.0.0.10\n");
    machine.write("state/owner", '[{"dst":"10.0.0.10","lladdr":"02:00:00:00:00:01"}]');
    assertRefused(machine.run(program()), /another machine has the address .*02:00:00:00:00:01/);
    machine.write("state/route", '[{"dst":"10.0.0.10","dev":"eth0","gateway":"10.0.0.1"}]');
    assertRefused(machine.run(program()), /10\.0\.0\.10 is not in the network of 10\.0\.0\.11/);
    assert.ok(!machine.exists(folder));
  });

  it("takes a peer that holds it for no stranger, though no API server answers", () => {
    machine.write("state/no-api", "10.0.0.10\n");
    machine.write("state/owner", '[{"dst":"10.0.0.10","lladdr":"02:00:00:00:00:12"}]');
    assert.match(runs(), /^changed/);
  });

  it("lets go of it when it leaves", () => {
    runs();
    const { status, stdout, calls } = machine.run(program(), "delete");
    assert.equal(status, 0);
    assert.match(stdout, /^changed/);
    assert.ok(calls.includes("systemctl disable --quiet --now groundwork-vip.service"));
    for (const path of [folder, "etc/systemd/system/groundwork-vip.service"])
      assert.ok(!machine.exists(path), path);
    assert.equal(machine.run(program(), "delete").stdout, "unchanged");
  });
});
