import { published, type Web } from "../commands/web/publishers";

/**
 * Checksums of downloads that the release knows none of, as their publishers say.
 * @returns nothing where one cannot be had: the publishers are not reached from everywhere
 */
export async function findChecksums(
  keys: readonly string[],
  web: Web,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const found = await Promise.all(
      keys.map(async (key) => [key, await published(key, web)] as const),
    );
    const known = found.flatMap(([key, sum]) => (sum === undefined ? [] : [[key, sum] as const]));
    return known.length === keys.length ? Object.fromEntries(known) : undefined;
  } catch {
    return undefined;
  }
}
