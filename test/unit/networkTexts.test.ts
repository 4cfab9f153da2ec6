import assert from "node:assert/strict";
import { parse } from "yaml";
import type { NodePlan } from "../../config/plan";
import { network } from "../../steps/network";
import { ifupdown } from "../../steps/network/ifupdown";
import { netplan } from "../../steps/network/netplan";
import { networkd } from "../../steps/network/networkd";
import { planOf, sampleFile, withValue } from "./clusterSample";

const card = "52:54:00:12:34:56";
const other = "52:54:00:12:34:57";
const defaults = { prefix_length: 24, gateway: "10.0.0.1", nameservers: ["10.0.0.53"] };

/** The worker's network, with these interfaces. */
function given(interfaces: readonly object[], common: object = defaults) {
  const file = withValue(
    withValue(sampleFile(), ["cluster", "networking", "interface_defaults"], common),
    ["nodes", 1, "interfaces"],
    interfaces,
  );
  const node = planOf(file).nodes.find(({ name }) => name === "worker-01") as NodePlan;
  assert.ok(node.network);
  return { node, network: node.network };
}

const one = () => given([{ mac_addresses: [card.toUpperCase()] }]).network;
/** A bond with the node's address in a VLAN, and another beside it. */
const bonded = () =>
  given(
    [
      {
        mac_addresses: [card, other],
        bond: { mode: "802.3ad" },
        mtu: 9000,
        vlans: [
          { id: 100, addresses: ["10.0.0.21", "10.0.0.121/32"] },
          { id: 200, addresses: ["10.9.0.21/16"], mtu: 1500 },
        ],
      },
    ],
    defaults,
  ).network;

describe("a machine's network, as it is told", () => {
  it("systemd-networkd: a card", () => {
    assert.deepEqual(networkd(one()), {
      "/etc/systemd/network/00-groundwork-c-525400123456.network": `[Match]
MACAddress=${card}

[Network]
DHCP=no
Address=10.0.0.21/24
Gateway=10.0.0.1
DNS=10.0.0.53
`,
    });
  });

  it("systemd-networkd: a bond and VLANs, whose files come before those of cards", () => {
    const files = networkd(bonded());
    const names = Object.keys(files).map((path) => path.split("00-groundwork-")[1]);
    assert.deepEqual(names.sort(), [
      "a-bond0.netdev",
      "a-bond0.network",
      "b-vlan100.netdev",
      "b-vlan100.network",
      "b-vlan200.netdev",
      "b-vlan200.network",
      "c-525400123456.network",
      "c-525400123457.network",
    ]);
    const text = (name: string) => files[`/etc/systemd/network/00-groundwork-${name}`];
    assert.equal(
      text("a-bond0.netdev"),
      "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=802.3ad\nMIIMonitorSec=100ms\n",
    );
    assert.equal(
      text("a-bond0.network"),
      "[Match]\nName=bond0\n\n[Link]\nMTUBytes=9000\n\n[Network]\nDHCP=no\nVLAN=vlan100\nVLAN=vlan200\n",
    );
    assert.equal(
      text("c-525400123457.network"),
      `[Match]\nPermanentMACAddress=${other}\n\n[Link]\nMTUBytes=9000\n\n[Network]\nBond=bond0\n`,
    );
    assert.equal(text("b-vlan100.netdev"), "[NetDev]\nName=vlan100\nKind=vlan\n\n[VLAN]\nId=100\n");
    assert.equal(
      text("b-vlan100.network"),
      "[Match]\nName=vlan100\n\n[Network]\nDHCP=no\nAddress=10.0.0.21/24\nAddress=10.0.0.121/32\nGateway=10.0.0.1\nDNS=10.0.0.53\n",
    );
    assert.equal(
      text("b-vlan200.network"),
      "[Match]\nName=vlan200\n\n[Link]\nMTUBytes=1500\n\n[Network]\nDHCP=no\nAddress=10.9.0.21/16\n",
    );
  });

  it("netplan: a card, whose digits with colons no reader takes for a number", () => {
    const [[path, text] = ["", ""], ...more] = Object.entries(netplan(one()));
    assert.equal(path, "/etc/netplan/99-groundwork.yaml");
    assert.deepEqual(more, []);
    for (const version of ["1.1", "1.2"] as const)
      assert.deepEqual(parse(text, { version }), {
        network: {
          version: 2,
          ethernets: {
            "card-525400123456": {
              match: { macaddress: card },
              dhcp4: false,
              dhcp6: false,
              addresses: ["10.0.0.21/24"],
              routes: [{ to: "default", via: "10.0.0.1" }],
              nameservers: { addresses: ["10.0.0.53"] },
            },
          },
        },
      });
  });

  it("netplan: a bond and VLANs", () => {
    const text = netplan(bonded())["/etc/netplan/99-groundwork.yaml"] ?? "";
    const off = { dhcp4: false, dhcp6: false };
    assert.deepEqual(parse(text, { version: "1.1" }), {
      network: {
        version: 2,
        ethernets: {
          "card-525400123456": { match: { macaddress: card }, ...off, mtu: 9000 },
          "card-525400123457": { match: { macaddress: other }, ...off, mtu: 9000 },
        },
        bonds: {
          bond0: {
            interfaces: ["card-525400123456", "card-525400123457"],
            parameters: { mode: "802.3ad", "mii-monitor-interval": 100 },
            ...off,
            mtu: 9000,
          },
        },
        vlans: {
          vlan100: {
            id: 100,
            link: "bond0",
            ...off,
            addresses: ["10.0.0.21/24", "10.0.0.121/32"],
            routes: [{ to: "default", via: "10.0.0.1" }],
            nameservers: { addresses: ["10.0.0.53"] },
          },
          vlan200: { id: 200, link: "bond0", ...off, addresses: ["10.9.0.21/16"], mtu: 1500 },
        },
      },
    });
  });

  it("ifupdown: a card, with a place for its name", () => {
    assert.deepEqual(ifupdown(one()), {
      "/etc/network/interfaces.d/groundwork": `auto <${card}>
iface <${card}> inet static
    address 10.0.0.21/24
    gateway 10.0.0.1
    dns-nameservers 10.0.0.53
`,
    });
  });

  it("ifupdown: a bond and VLANs", () => {
    assert.equal(
      ifupdown(bonded())["/etc/network/interfaces.d/groundwork"],
      `auto <${card}>
iface <${card}> inet manual

auto <${other}>
iface <${other}> inet manual

auto bond0
iface bond0 inet manual
    bond-slaves <${card}> <${other}>
    bond-mode 802.3ad
    bond-miimon 100
    mtu 9000

auto bond0.100
iface bond0.100 inet static
    address 10.0.0.21/24
    gateway 10.0.0.1
    dns-nameservers 10.0.0.53

iface bond0.100 inet static
    address 10.0.0.121/32

auto bond0.200
iface bond0.200 inet static
    address 10.9.0.21/16
    mtu 1500
`,
    );
  });

  it("and what the script is to find of it", () => {
    const { NETWORKD, NETPLAN, IFUPDOWN, ...others } = network(
      given(
        [
          { mac_addresses: [other], addresses: ["10.5.0.1/30"], nameservers: ["10.0.0.54"] },
          {
            mac_addresses: [card],
            addresses: ["10.0.0.21/24"],
            gateway: "10.0.0.2",
            vlans: [{ id: 7, addresses: ["10.7.0.1/30"] }],
          },
        ],
        { nameservers: ["10.0.0.53", "10.0.0.54"], mtu: 1400 },
      ),
    ).variables as Record<string, string>;
    assert.deepEqual(others, {
      CARDS: `${other} ${card}`,
      MAC_ADDRESSES: "",
      ADDRESSES: "10.5.0.1/30 10.0.0.21/24 10.7.0.1/30",
      GATEWAY: "10.0.0.2",
      NAMESERVERS: "10.0.0.54 10.0.0.53",
      MADE: "vlan7",
    });
    assert.match(NETWORKD ?? "", /^==> \/etc\/systemd\/network\/00-groundwork-b-vlan7\.netdev\n/);
    assert.match(NETWORKD ?? "", /MTUBytes=1400\n/);
    assert.match(NETPLAN ?? "", /^==> \/etc\/netplan\/99-groundwork\.yaml\nnetwork:\n/);
    assert.match(IFUPDOWN ?? "", /^==> \/etc\/network\/interfaces\.d\/groundwork\n/);
  });
});
