import type { LayerPlan, NodeNetwork } from "../../config/plan";
import { type Bundle, nameOf } from "./bundle";

/**
 * What ifupdown is told (interfaces(5)). It knows interfaces by their names, which the machine puts in: see {@link nameOf}. A
 * VLAN has the name that ifupdown understands without another package.
 */
export function ifupdown({ links }: NodeNetwork): Bundle {
  const stanzas = links.flatMap(({ bond, macAddresses, vlans, ...layer }) => {
    const names = macAddresses.map(nameOf);
    const name = bond?.name ?? names[0] ?? "";
    return [
      ...(bond ? names.flatMap((card) => stanza(card, { addresses: [], nameservers: [] })) : []),
      ...stanza(
        name,
        layer,
        bond ? [`bond-slaves ${names.join(" ")}`, `bond-mode ${bond.mode}`, "bond-miimon 100"] : [],
      ),
      ...vlans.flatMap(({ id, ...own }) => stanza(`${name}.${id}`, own)),
    ];
  });
  return { "/etc/network/interfaces.d/groundwork": stanzas.join("\n") };
}

function stanza(
  name: string,
  { addresses, gateway, nameservers, mtu }: LayerPlan,
  options: readonly string[] = [],
): string[] {
  const common = [
    ...options,
    ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
    ...(gateway === undefined ? [] : [`gateway ${gateway}`]),
    ...(nameservers.length === 0 ? [] : [`dns-nameservers ${nameservers.join(" ")}`]),
  ];
  const [first, ...others] = addresses;
  const lines = (method: string, what: readonly string[]) =>
    [`iface ${name} inet ${method}`, ...what.map((line) => `    ${line}`)].join("\n") + "\n";
  return [
    `auto ${name}`,
    first === undefined
      ? lines("manual", common)
      : lines("static", [`address ${first}`, ...common]),
    ...others.map((address) => lines("static", [`address ${address}`])),
  ];
}
