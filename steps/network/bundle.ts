/** Files by their paths, as one back end reads them. */
export type Bundle = Readonly<Record<string, string>>;

/** A card in names of files and of netplan: `525400123456`. */
export const idOf = (mac: string): string => mac.replaceAll(":", "");

/** Name of a VLAN's interface. */
export const vlanName = (id: number): string => `vlan${id}`;

/** Stands in a text for the name of the card's interface, which only the machine knows. */
export const nameOf = (mac: string): string => `<${mac}>`;

type Section = readonly [string, readonly (readonly [string, string])[]];

/** The text of a unit file, without sections that are empty. */
export function ini(sections: readonly Section[]): string {
  return sections
    .filter(([, entries]) => entries.length > 0)
    .map(([name, entries]) =>
      [`[${name}]`, ...entries.map(([key, value]) => `${key}=${value}`), ""].join("\n"),
    )
    .join("\n");
}

/** What begins the line before a file's text. */
const mark = "==> ";

/** All files of a bundle in one text. */
export function bundled(bundle: Bundle): string {
  return Object.entries(bundle)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => `${mark}${path}\n${text}`)
    .join("");
}
