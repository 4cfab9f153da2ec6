import { stringify } from "yaml";
import type { LayerPlan, NodeNetwork } from "../../config/plan";
import { type Bundle, idOf, vlanName } from "./bundle";

/** What netplan is told (netplan(5)), in the file that it reads last. It finds cards by their MAC addresses. */
export function netplan({ links }: NodeNetwork): Bundle {
  const card = (mac: string) => `card-${idOf(mac)}`;
  const ethernets = links.flatMap((link) =>
    link.macAddresses.map((mac): [string, object] => [
      card(mac),
      {
        match: { macaddress: mac },
        ...(link.bond ? { ...quiet, ...packets(link.mtu) } : layer(link)),
      },
    ]),
  );
  const bonds = links.flatMap((link): [string, object][] =>
    link.bond
      ? [
          [
            link.bond.name,
            {
              interfaces: link.macAddresses.map(card),
              parameters: { mode: link.bond.mode, "mii-monitor-interval": 100 },
              ...layer(link),
            },
          ],
        ]
      : [],
  );
  const vlans = links.flatMap(({ bond, macAddresses: [mac = ""], vlans }) =>
    vlans.map(({ id, ...own }): [string, object] => [
      vlanName(id),
      { id, link: bond?.name ?? card(mac), ...layer(own) },
    ]),
  );
  const kinds = { ethernets, bonds, vlans };
  const network = {
    version: 2,
    ...Object.fromEntries(
      Object.entries(kinds)
        .filter(([, entries]) => entries.length > 0)
        .map(([kind, entries]) => [kind, Object.fromEntries(entries)]),
    ),
  };
  // As its reader has it, to whom digits with colons are a number.
  const text = stringify({ network }, { version: "1.1", lineWidth: 0 });
  return { "/etc/netplan/99-groundwork.yaml": text };
}

const quiet = { dhcp4: false, dhcp6: false };
const packets = (mtu: number | undefined) => (mtu === undefined ? {} : { mtu });

function layer({ addresses, gateway, nameservers, mtu }: LayerPlan): object {
  return {
    ...quiet,
    ...(addresses.length > 0 && { addresses }),
    ...(gateway !== undefined && { routes: [{ to: "default", via: gateway }] }),
    ...(nameservers.length > 0 && { nameservers: { addresses: nameservers } }),
    ...packets(mtu),
  };
}
