import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { readReport } from "../../ssh/report";
import { network, networkReport } from "../../steps/network";
import { renderAtOnce } from "../../steps/program";
import { planOf, sampleFile, withValue } from "./clusterSample";
import { assertRefused, FakeMachine, type Outcome, replaced } from "./fakeMachine";

const card = "52:54:00:12:34:56";
const clusterId = "uuid-of-cluster-id";
const work = "var/lib/groundwork/network";
const unit = "etc/systemd/network/00-groundwork-c-525400123456.network";
const boot = "etc/systemd/system/groundwork-network-boot.service";

/** The program that gives worker-01 its network, with these interfaces. */
function program(
  action: string,
  gateway = "10.0.0.1",
  interfaces: readonly object[] = [{ mac_addresses: [card] }],
): string {
  const common = { prefix_length: 24, gateway, nameservers: ["10.0.0.53"] };
  const file = withValue(
    withValue(sampleFile(), ["cluster", "networking", "interface_defaults"], common),
    ["nodes", 1, "interfaces"],
    interfaces,
  );
  const node = planOf(file).nodes.find(({ name }) => name === "worker-01");
  assert.ok(node?.network);
  const { script, variables } = network({ node, network: node.network });
  const own = { NODE: node.name, NODE_IP: node.ip, STEP: script, CLUSTER_NAME: "sample" };
  const all = { ...own, CLUSTER_ID: clusterId, ...variables, ACTION: action };
  const text = renderAtOnce({ script, variables: all as Record<string, string> });
  // Nothing comes by itself here, however long one waits.
  return replaced(replaced(text, "{1..75}", "{1..2}"), "{1..25}", "{1..2}");
}

describe("the network of a machine, on a folder:", () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
    machine.write("sys/class/net/lo/address", "00:00:00:00:00:00\n");
    machine.write("sys/class/net/eth0/address", `${card}\n`);
    machine.write("state/addresses", "eth0 192.0.2.7/24\n");
    machine.write("state/routes", "default via 192.0.2.1 dev eth0\n");
    machine.write("state/neighbour", "10.0.0.1 dev eth0 lladdr 52:54:00:00:00:01 REACHABLE");
    machine.write("state/units/systemd-networkd.service.active", "");
    for (const folder of ["network", "system/sysinit.target.wants"])
      mkdirSync(join(machine.root, "etc/systemd", folder), { recursive: true });
    machine.write("etc/resolv.conf", "search example.org\nnameserver 192.0.2.1\n");
  });
  afterEach(() => machine.close());

  const act = (action: string, ...more: [string?, (readonly object[])?]) =>
    machine.run(program(action, ...more));
  const stateOf = ({ stdout, stderr, status }: Outcome) => {
    assert.equal(status, 0, stderr);
    return readReport(stdout, networkReport).state;
  };
  /** What the machine does behind the back of whoever asked. */
  const later = (way: "forth" | "back" | "boot") =>
    execFileSync("bash", [join(machine.root, work, "switch"), way], {
      env: { FAKE_ROOT: machine.root },
    });
  /** What is on the machine beside what the fakes remember. */
  const files = () => machine.snapshot().filter((line) => !line.startsWith("state"));

  it("it is given, confirmed, and nothing is left to be done", () => {
    const asked = act("switch");
    assert.equal(stateOf(asked), "switching");
    assert.ok(!machine.exists(unit), "it changes while somebody is connected");
    const runs = asked.calls.filter((call) => call.startsWith("systemd-run"));
    assert.match(runs[0] ?? "", /--unit=groundwork-network-back --on-active=90 .*switch back$/);
    assert.match(runs[1] ?? "", /--no-block --unit=groundwork-network-forth .*switch forth$/);
    assert.match(machine.read(boot), /^Before=network-pre\.target systemd-networkd/m);
    assert.equal(stateOf(act("look")), "switching");
    later("forth");
    assert.equal(stateOf(act("look")), "switched");
    assert.match(machine.read(unit), /Address=10\.0\.0\.21\/24\nGateway=10\.0\.0\.1\n/);
    assert.equal(machine.read("state/addresses"), "eth0 10.0.0.21/24\n");
    assert.equal(
      machine.read("etc/resolv.conf"),
      "nameserver 10.0.0.53\nsearch example.org\n",
      "nothing else hands the DNS servers on",
    );
    assertRefused(act("settle"), /is not what was confirmed/);
    assert.equal(stateOf(act("confirm")), "confirmed");
    for (const path of [work, boot, "var/lib/groundwork", "var/lib/cluster-state"])
      assert.ok(!machine.exists(path), path);
    assert.equal(existsSync(`${machine.root}/${boot}`), false);
    const before = files();
    for (const action of ["switch", "look", "confirm"])
      assert.equal(stateOf(act(action)), "unchanged");
    assert.equal(act("settle").stdout, "unchanged");
    assert.deepEqual(files(), before, "it writes again");
  });

  it("it goes back as it was, by itself, at the next boot, or where it cannot be had", () => {
    for (const way of ["back", "boot"] as const) {
      const before = files();
      act("switch");
      later("forth");
      // What is in memory is gone after a restart.
      if (way === "boot") machine.remove("run/groundwork");
      later(way);
      assert.deepEqual(files(), before, way);
      if (way === "back") assert.equal(machine.read("state/addresses"), "eth0 192.0.2.7/24\n");
      machine.write("state/addresses", "eth0 192.0.2.7/24\n");
      machine.write("state/routes", "default via 192.0.2.1 dev eth0\n");
      assert.equal(stateOf(act("look")), "former");
      assertRefused(act("confirm"), /the confirmation of its new network came too late/);
    }
  });

  it("where nobody answers at the gateway it is not confirmed", () => {
    act("switch");
    later("forth");
    machine.write("state/neighbour", "10.0.0.1 dev eth0 FAILED");
    const refused = act("confirm");
    assertRefused(
      refused,
      /nobody answers at its gateway 10\.0\.0\.1; the former network is coming back/,
    );
    assert.match(refused.calls.join("\n"), /systemctl start --no-block groundwork-network-back/);
  });

  it("a machine with other network cards is refused by them, and nothing is written", () => {
    const before = files();
    const mac = "52:54:00:00:00:99";
    const refused = act("switch", "10.0.0.1", [{ mac_addresses: [mac] }]);
    assertRefused(
      refused,
      new RegExp(`no network card with the MAC address ${mac}; it has those of ${card}\\.`),
    );
    assert.deepEqual(files(), before);
    // A VLAN has its card's address.
    machine.write("sys/class/net/a0/address", `${card}\n`);
    machine.write("sys/class/net/a0/lower_eth0", "");
    act("switch");
    later("forth");
    assert.equal(machine.read("state/addresses"), "eth0 10.0.0.21/24\n");
  });

  it("a card of a bond is known by its own address", () => {
    machine.write("sys/class/net/eth0/address", "52:54:00:00:00:77\n");
    machine.write("sys/class/net/eth0/bonding_slave/perm_hwaddr", `${card}\n`);
    assert.equal(stateOf(act("switch")), "switching");
  });

  it("another cluster's machine, and another node's, is refused", () => {
    const before = () => files().filter((line) => !line.includes("lock"));
    const were = before();
    machine.lock("another-cluster", "worker-01");
    assertRefused(act("switch"), /belongs to cluster 'of another-cluster'/);
    machine.lock(clusterId, "worker-02");
    assertRefused(act("switch"), /the machine is already 'worker-02' of this cluster/);
    machine.remove("var/lib/cluster-state");
    assert.deepEqual(before(), were);
    machine.lock(clusterId, "worker-01");
    assert.equal(stateOf(act("switch")), "switching");
  });

  it("one that is under way goes on when it is asked for again, and another waits", () => {
    act("switch");
    const again = act("switch");
    assert.equal(stateOf(again), "switching");
    assert.doesNotMatch(again.calls.join("\n"), /systemd-run/);
    assertRefused(act("switch", "10.0.0.2"), /another network is being tried on it/);
    later("forth");
    assert.equal(stateOf(act("switch")), "switching");
  });

  it("a confirmation that was cut short is whole the next time", () => {
    act("switch");
    later("forth");
    machine.write(`${work}/kept`, "");
    machine.remove(`${work}/pending`);
    later("back");
    assert.ok(machine.exists(unit), "it takes back what was confirmed");
    assert.equal(act("settle").stdout, "unchanged");
    assert.ok(!machine.exists(work));
  });

  it("ifupdown forgets what it knew of the card, and keeps what it knows of others", () => {
    machine.remove("state/units/systemd-networkd.service.active");
    const was = `auto lo eth0 eth1
iface lo inet loopback
iface eth0 inet static
    address 192.0.2.7/24
    gateway 192.0.2.1
iface eth1 inet dhcp
source-directory interfaces.d
allow-hotplug eth0
`;
    machine.write("etc/network/interfaces", was);
    act("switch");
    later("forth");
    assert.equal(
      machine.read("etc/network/interfaces"),
      "auto lo eth1\niface lo inet loopback\niface eth1 inet dhcp\nsource-directory interfaces.d\n",
    );
    assert.match(
      machine.read("etc/network/interfaces.d/groundwork"),
      /^auto eth0\niface eth0 inet static\n {4}address 10\.0\.0\.21\/24\n/,
    );
    assert.equal(machine.read("state/addresses"), "eth0 10.0.0.21/24\n");
    assert.equal(stateOf(act("confirm")), "confirmed");
    assert.equal(act("settle").stdout, "unchanged");
  });

  it("netplan gets a file of its own in the place of what it knew of the card alone", () => {
    const path = "etc/netplan/50-cloud-init.yaml";
    const was = `network:
  version: 2
  ethernets:
    any:
      match: { macaddress: "${card.toUpperCase()}" }
      addresses:
        - 192.0.2.7/24
      routes:
        - to: default
          via: 192.0.2.1
`;
    const other = "network: { ethernets: { eth9: { dhcp4: true } } }\n";
    machine.write("etc/netplan/90-other.yaml", other, 0o600);
    machine.write("etc/cloud/cloud.cfg.d/05.cfg", "");
    machine.write(path, `${was}    eth1: { dhcp4: true }\n`, 0o600);
    assertRefused(
      act("switch"),
      /50-cloud-init\.yaml sets up eth1 beside the network cards of the file/,
    );
    for (const [name, about] of [
      ["a name", "network: { ethernets: { eth0: {} } }"],
      [
        "a pattern, and what is made of it",
        "network: { ethernets: { all: { match: { name: 'e*' } } }, bridges: { br0: { interfaces: [all] } } }",
      ],
      ["its card", was],
    ] as const) {
      machine.write(path, about, 0o600);
      assert.equal(stateOf(act("switch")), "switching", name);
      later("forth");
      assert.ok(!machine.exists(path), name);
      if (name !== "its card") later("back");
    }
    assert.equal(machine.read("etc/netplan/90-other.yaml"), other);
    assert.match(
      machine.read("etc/netplan/99-groundwork.yaml"),
      /macaddress: "52:54:00:12:34:56"\n/,
    );
    assert.match(
      machine.read("etc/cloud/cloud.cfg.d/99-groundwork-network.cfg"),
      /config: disabled/,
    );
    assert.equal(machine.read("state/addresses"), "eth0 10.0.0.21/24\n");
    assert.equal(stateOf(act("confirm")), "confirmed");
    assert.equal(act("settle").stdout, "unchanged");
  });

  it("NetworkManager, and nothing that sets up a network, is refused", () => {
    machine.remove("state/units/systemd-networkd.service.active");
    assertRefused(
      act("switch"),
      /neither netplan, systemd-networkd nor ifupdown sets up its network/,
    );
    machine.write("state/units/NetworkManager.service.active", "");
    assertRefused(act("switch"), /NetworkManager sets up its network, without netplan/);
  });
});
