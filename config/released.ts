import list from "./checksums.json";

/** What comes with the release, written by `npm run checksums`. */
export interface Released {
  /** Who said so. */
  readonly origin: string;
  /** SHA-256 of files that nodes download, by `<upstream host>/<upstream path>`. */
  readonly sha256: Readonly<Record<string, string>>;
  /** Digests of images, by their name with tag: `sha256:...`. */
  readonly images: Readonly<Record<string, string>>;
}

export const released: Released = list;

/** An image by its digest, where the release knows it: what a tag names may change. */
export function byDigest(image: string): string {
  const digest = released.images[image];
  return digest === undefined ? image : `${image}@${digest}`;
}
