import assert from "node:assert/strict";
import { loadCluster } from "../../config/load";
import { network, type NetworkAction } from "../../steps/network";
import { renderAtOnce } from "../../steps/program";
import {
  clusterFile,
  converge,
  destroyCommand,
  editCluster,
  eventually,
  must,
  on,
  preview,
  type Result,
  run,
  settle,
  up,
} from "./lab";
import { Operator } from "./operator";

const own = "10.77.0.21";
/** Where it comes up, whatever the file says. */
const first = "10.77.0.61";
const gateway = "10.77.0.1";
/** Nobody's. */
const noGateway = "10.77.0.254";
const card = "02:00:0a:4d:00:15";
const masterCard = "02:00:0a:4d:00:0b";
const unit = "/etc/systemd/network/00-groundwork-c-02000a4d0015.network";

/** Runs a command as root on a machine, at an address that may be another than the lab's. */
const at = (address: string, command: string, name = "worker-01"): Result =>
  run(
    `ssh -F none -i .lab/ssh/id_ed25519 -l root -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=3 \
      -o HostKeyAlias=${name} -o UserKnownHostsFile=.lab/ssh/known_hosts -o GlobalKnownHostsFile=none \
      -o StrictHostKeyChecking=yes -o UpdateHostKeys=no ${address} bash -s`,
    { input: command },
  );
const succeed = (address: string, command: string, name?: string): string => {
  const { status, stdout, output } = at(address, `set -e\n${command}`, name);
  assert.equal(status, 0, output);
  return stdout;
};
/** Restarts it, and waits until it is up where it is to be. */
async function reboot(from: string, to: string, name?: string): Promise<void> {
  const bootId = (address: string) => succeed(address, "cat /proc/sys/kernel/random/boot_id", name);
  const before = bootId(from);
  at(from, "systemctl --no-block reboot", name);
  await eventually(() => assert.notEqual(bootId(to), before));
}

/** What the file says of worker-01's network; returns what puts it back. */
const declare = (entry: {
  readonly macAddress?: string;
  readonly gateway?: string;
  readonly nameservers?: readonly string[];
  readonly master?: string;
}) =>
  editCluster((file) => {
    file.setIn(["cluster", "networking", "interface_defaults"], {
      prefix_length: 24,
      gateway: entry.gateway ?? gateway,
      nameservers: entry.nameservers ?? [gateway],
    });
    file.setIn(["nodes", 0, "hardware"], { mac_addresses: [entry.master ?? masterCard] });
    file.setIn(["nodes", 1, "bootstrap_address"], first);
    file.setIn(["nodes", 1, "interfaces"], [{ mac_addresses: [entry.macAddress ?? card] }]);
  });

/** What the program has a machine run, before the lock is held. */
function program(action: NetworkAction, name = "worker-01"): string {
  const node = loadCluster(clusterFile).nodes.find((one) => one.name === name);
  assert.ok(node?.network);
  const { script, variables } = network({ node, network: node.network });
  const of = {
    NODE: name,
    NODE_IP: node.ip,
    STEP: script,
    CLUSTER_ID: "none",
    CLUSTER_NAME: "lab",
  };
  const all = { ...of, ...(variables as Record<string, string>), ACTION: action };
  return renderAtOnce({ script, variables: all });
}

/** What of it a network that was not to be had may have left. */
const traces = (address: string) =>
  succeed(
    address,
    `ls /etc/systemd/network /etc/systemd/system/sysinit.target.wants /etc/systemd/system | grep groundwork || true
    ls -d /var/lib/groundwork /var/lib/cluster-state 2>/dev/null || true
    systemctl list-units --plain --no-legend 'groundwork-network-*'
    ip -4 -o addr show dev host0 | awk '{ print $4 }'; ip route show default; cat /etc/resolv.conf`,
  );
const asItWas = `${first}/24\ndefault via ${gateway} dev host0 proto static \nnameserver ${gateway}\n# its own\n`;

/** On the master of pair.yaml: what its hook runs, on a machine that has another back end. */
describe("a machine whose network is ifupdown's", function () {
  this.timeout(200_000);
  const [own, first, name] = ["10.77.0.11", "10.77.0.62", "master-01"];
  const state = (address: string, action: NetworkAction) =>
    /"state":"(\w+)"/.exec(succeed(address, program(action, name), name))?.[1];
  let restore: () => void;

  before(async () => {
    must(
      `root=$PWD; cache=\${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/packages; mkdir -p $cache; cd $cache
      compgen -G 'ifupdown_*.deb' >/dev/null || apt-get -qq download ifupdown || { apt-get -qq update && apt-get -qq download ifupdown; }
      base64 ifupdown_*.deb | $root/lab/ssh ${name} 'base64 -d >/root/ifupdown.deb && dpkg --force-depends -i /root/ifupdown.deb >/dev/null 2>&1'`,
    );
    assert.equal(
      on(
        name,
        `set -e
        systemctl --quiet unmask networking.service
        mkdir -p /etc/systemd/system/lab-network.service.d /etc/network/interfaces.d
        printf '%s\\n' '[Service]' ExecStart= 'ExecStart=/usr/sbin/ip link set host0 address \${MAC}' >/etc/systemd/system/lab-network.service.d/first.conf
        printf '%s\\n' 'auto lo host0' 'iface lo inet loopback' 'iface host0 inet static' ' address ${first}/24' ' gateway ${gateway}' >/etc/network/interfaces
        mkdir -p /etc/systemd/system/ifupdown-pre.service.d
        printf '%s\\n' '[Service]' ExecStart= ExecStart=/bin/true >/etc/systemd/system/ifupdown-pre.service.d/no-udev.conf
        systemctl daemon-reload
        systemctl --quiet enable networking.service
        systemctl --no-block reboot`,
      ).status,
      0,
    );
    await eventually(() => succeed(first, "true", name));
    restore = editCluster((file) => {
      const interfaces = [{ mac_addresses: [masterCard], addresses: [`${own}/24`], gateway }];
      file.setIn(["nodes", 0, "interfaces"], interfaces);
    });
  });

  it("gets the other, has the former again after a restart, and keeps what was confirmed", async () => {
    const addresses = "ip -4 -o addr show dev host0 | awk '{ print $4 }'; ip -4 route show default";
    const were = succeed(first, `${addresses}; cat /etc/network/interfaces`, name);
    assert.equal(state(first, "switch"), "switching");
    await eventually(() => assert.equal(state(own, "look"), "switched"));
    await reboot(own, first, name);
    assert.equal(state(first, "look"), "former");
    assert.equal(succeed(first, `${addresses}; cat /etc/network/interfaces`, name), were);
    assert.equal(state(first, "switch"), "switching");
    await eventually(() => assert.equal(state(own, "look"), "switched"));
    assert.equal(state(own, "confirm"), "confirmed");
    assert.equal(state(own, "switch"), "unchanged");
    assert.match(
      succeed(own, addresses, name),
      /^10\.77\.0\.11\/24\ndefault via 10\.77\.0\.1 dev host0 /,
    );
    await reboot(own, own, name);
    assert.equal(state(own, "look"), "unchanged");
  });

  after(() => restore());
});

/** On the machines of pair.yaml, of which the worker's network is systemd-networkd's. */
describe("a machine that comes up with any address, and no name", function () {
  this.timeout(400_000);

  before(async () => {
    must("pulumi stack select dev --create");
    assert.equal(
      on(
        "worker-01",
        `set -e
        systemctl --quiet unmask systemd-networkd.service
        mkdir -p /etc/systemd/system/lab-network.service.d
        printf '%s\\n' '[Service]' ExecStart= 'ExecStart=/usr/sbin/ip link set host0 address \${MAC}' 'ExecStart=/usr/sbin/ip link set host0 up' >/etc/systemd/system/lab-network.service.d/first.conf
        printf '%s\\n' '[Match]' Name=host0 '[Network]' Address=${first}/24 Gateway=${gateway} >/etc/systemd/network/50-first.network
        printf 'nameserver ${gateway}\\n# its own\\n' >/etc/resolv.conf
        systemctl daemon-reload
        systemctl --quiet enable systemd-networkd.service
        echo localhost >/etc/hostname
        sed -i '/worker-01/d' /etc/hosts
        systemctl --no-block reboot`,
      ).status,
      0,
    );
    await eventually(() => assert.equal(succeed(first, "hostname").trim(), "localhost"));
    assert.equal(traces(first), asItWas);
  });

  it("is refused by its network cards, and named for whom it is", () => {
    const restore = declare({ macAddress: masterCard, master: card });
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(
      output,
      new RegExp(
        `network failed on worker-01 \\(${own}\\): it is not the machine that the file declares: it has no network card with the MAC address ${masterCard}; it has those of ${card}\\. Nothing was written`,
      ),
    );
    assert.match(output, /by its network cards it is master-01 of the file/);
    assert.match(
      output,
      /master-01 \(10\.77\.0\.11\): by its network cards it is worker-01 of the file/,
    );
    restore();
    const undeclared = declare({ macAddress: "02:00:00:00:00:99" });
    const other = up();
    assert.notEqual(other.status, 0, other.output);
    assert.match(
      other.output,
      /no network card with the MAC address 02:00:00:00:00:99; it has those of/,
    );
    undeclared();
    assert.equal(traces(first), asItWas);
  });

  it("answers where it did before when nobody answers at its gateway, and that is told", () => {
    const restore = declare({ gateway: noGateway });
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(
      output,
      /nobody answers at its gateway 10\.77\.0\.254; the former network is coming back/,
    );
    assert.match(output, /worker-01 has its former network again, and answers at 10\.77\.0\.61/);
    assert.equal(traces(first), asItWas);
    restore();
  });

  it("has its former network again by itself, or after a restart, when nobody confirms the new one", async () => {
    declare({});
    for (const restarts of [true, false]) {
      assert.match(succeed(first, program("switch")), /"state":"switching"/);
      await eventually(() => assert.match(succeed(own, program("look")), /"state":"switched"/));
      if (restarts) await reboot(own, first);
      await eventually(
        () => assert.match(succeed(first, program("look")), /"state":"former"/),
        110,
      );
      assert.equal(traces(first), asItWas);
    }
  });

  it("ends as the node of the file, though its operator was killed meanwhile", async () => {
    declare({});
    assert.equal(preview().status, 0);
    assert.equal(traces(first), asItWas, "a preview does something");
    const operator = new Operator();
    await operator.until(({ step }) => step.endsWith(" worker-01-network"));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    operator.kill();
    await operator.result;
    run("pulumi cancel --yes");
    const ran = converge();
    assert.ok(ran.includes("worker-01-network"), ran.join());
    assert.equal(succeed(own, "hostname; cat /etc/hostname"), "worker-01\nworker-01\n");
    assert.equal(succeed(own, "getent ahostsv4 worker-01 | head -1 | cut -d' ' -f1").trim(), own);
    assert.notEqual(at(first, "true").status, 0, "it has its former address, too");
    assert.match(must("kubectl get node worker-01 -o wide"), / Ready .* 10\.77\.0\.21 /);
    assert.equal(
      succeed(
        own,
        "ip -4 -o addr show dev host0 | awk '{ print $4 }'; ls -A /var/lib/groundwork | grep network || true",
      ),
      `${own}/24\n`,
    );
    const began = Date.now();
    assert.match(
      at(
        own,
        program("look").replace("'none'", "$(sed -n s/cluster_id=//p /var/lib/cluster-state/lock)"),
      ).stdout,
      /"state":"unchanged"/,
    );
    assert.ok(Date.now() - began < 2000, "it takes its time to find everything as it should");
  });

  it("and keeps running pods when it changes, or is not to be had", async () => {
    const pid = () => succeed(own, "systemctl show -P MainPID kubelet flanneld containerd");
    const before = pid();
    declare({ nameservers: [gateway, "10.77.0.53"] });
    assert.deepEqual(settle(), ["worker-01-network"]);
    assert.equal(
      succeed(own, "grep nameserver /etc/resolv.conf"),
      `nameserver ${gateway}\nnameserver 10.77.0.53\n`,
    );
    declare({ gateway: noGateway });
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(output, /worker-01 has its former network again, and answers at 10\.77\.0\.21/);
    assert.match(succeed(own, "ip route show default"), /via 10\.77\.0\.1 /);
    assert.equal(pid(), before);
    declare({ nameservers: [gateway, "10.77.0.53"] });
    settle();
    await reboot(own, own);
    await eventually(() => assert.match(must("kubectl get node worker-01"), / Ready /));
  });

  it("keeps its network when the file says no more of it, and when it leaves", () => {
    editCluster((file) => {
      for (const field of ["bootstrap_address", "interfaces"]) file.deleteIn(["nodes", 1, field]);
    });
    settle();
    must(destroyCommand, { seconds: 300 });
    assert.match(
      succeed(own, `cat ${unit}; ls /var/lib/cluster-state 2>&1 || true`),
      /Address=10\.77\.0\.21\/24\n(.*\n)+.*No such file/,
    );
  });
});
