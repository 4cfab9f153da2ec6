import type { LayerPlan, LinkPlan, NodeNetwork } from "../../config/plan";
import { type Bundle, idOf, ini, vlanName } from "./bundle";

/**
 * What systemd-networkd is told (systemd.network(5), systemd.netdev(5)). The first file that matches an interface is its: ours
 * come before all others, and of ours those of bonds and VLANs first, for they have the MAC address of a card.
 */
export function networkd({ links }: NodeNetwork): Bundle {
  return Object.fromEntries(links.flatMap(filesOf));
}

const path = (file: string) => `/etc/systemd/network/00-groundwork-${file}`;

function filesOf(link: LinkPlan): [string, string][] {
  const { bond, macAddresses, vlans, mtu } = link;
  const upper = vlans.map(({ id }): [string, string] => ["VLAN", vlanName(id)]);
  const own = network(link, upper);
  const lower: [string, string][] = bond
    ? [
        [
          path(`a-${bond.name}.netdev`),
          ini([
            [
              "NetDev",
              [
                ["Name", bond.name],
                ["Kind", "bond"],
              ],
            ],
            [
              "Bond",
              [
                ["Mode", bond.mode],
                ["MIIMonitorSec", "100ms"],
              ],
            ],
          ]),
        ],
        [path(`a-${bond.name}.network`), ini([["Match", [["Name", bond.name]]], ...own])],
        // A card of a bond has the bond's MAC address, and its own as the permanent one.
        ...macAddresses.map((mac): [string, string] => [
          path(`c-${idOf(mac)}.network`),
          ini([
            ["Match", [["PermanentMACAddress", mac]]],
            ["Link", packets(mtu)],
            ["Network", [["Bond", bond.name]]],
          ]),
        ]),
      ]
    : macAddresses.map((mac) => [
        path(`c-${idOf(mac)}.network`),
        ini([["Match", [["MACAddress", mac]]], ...own]),
      ]);
  return [
    ...vlans.flatMap(({ id, ...layer }): [string, string][] => [
      [
        path(`b-${vlanName(id)}.netdev`),
        ini([
          [
            "NetDev",
            [
              ["Name", vlanName(id)],
              ["Kind", "vlan"],
            ],
          ],
          ["VLAN", [["Id", String(id)]]],
        ]),
      ],
      [
        path(`b-${vlanName(id)}.network`),
        ini([["Match", [["Name", vlanName(id)]]], ...network(layer)]),
      ],
    ]),
    ...lower,
  ];
}

const packets = (mtu: number | undefined): [string, string][] =>
  mtu === undefined ? [] : [["MTUBytes", String(mtu)]];

function network(
  { addresses, gateway, nameservers, mtu }: LayerPlan,
  upper: readonly [string, string][] = [],
): [string, [string, string][]][] {
  return [
    ["Link", packets(mtu)],
    [
      "Network",
      [
        ["DHCP", "no"],
        ...addresses.map((address): [string, string] => ["Address", address]),
        ...(gateway === undefined ? [] : [["Gateway", gateway] as [string, string]]),
        ...nameservers.map((server): [string, string] => ["DNS", server]),
        ...upper,
      ],
    ],
  ];
}
