import { createHash } from "node:crypto";
import { OperatorError } from "../command";
import { ask, askText } from "./ask";

/** How what others say over the network is had; tests have none. */
export interface Web {
  readonly text: (url: string) => Promise<string>;
  /** Digest that a registry names a manifest by. */
  readonly digest: (url: string) => Promise<string | null>;
}

const manifests = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

export const web: Web = {
  text: askText,
  digest: (url) =>
    ask(url, ({ headers }) => Promise.resolve(headers.get("docker-content-digest")), {
      method: "HEAD",
      headers: { accept: manifests.join(", ") },
    }),
};

interface Source {
  /** Where the publisher says it. */
  readonly url: string;
  /** The checksum in what stands there. */
  readonly find: (text: string) => string | undefined;
}

/** Where the checksum of a file is published; nothing of a file that nobody publishes one for. */
export function sourceOf(key: string): Source | undefined {
  const name = key.slice(key.lastIndexOf("/") + 1);
  if (key.startsWith("dl.k8s.io/")) {
    return { url: `https://${key}.sha256`, find: (text) => text.trim().split(/\s/)[0] };
  }
  // What a tag of a repository names: nobody publishes a checksum of it, and it is the file itself.
  if (key.startsWith("raw.githubusercontent.com/")) {
    const sum = (text: string) => createHash("sha256").update(text).digest("hex");
    return { url: `https://${key}`, find: sum };
  }
  const release = /^github\.com\/([^/]+\/[^/]+)\/releases\/download\/([^/]+)\//.exec(key);
  if (release === null) return undefined;
  const [folder, repository = "", tag = ""] = release;
  if (repository === "etcd-io/etcd") {
    const line = (text: string) => text.split("\n").find((line) => line.endsWith(`  ${name}`));
    return { url: `https://${folder}SHA256SUMS`, find: (text) => line(text)?.split(" ")[0] };
  }
  // Without a file of checksums there is what GitHub found when the file was uploaded.
  return {
    url: `https://api.github.com/repos/${repository}/releases/tags/${tag}`,
    find: (text) => {
      const { assets = [] } = JSON.parse(text) as { assets?: { name: string; digest?: string }[] };
      return assets.find((asset) => asset.name === name)?.digest?.replace(/^sha256:/, "");
    },
  };
}

/**
 * The checksum that a file's publisher names.
 * @returns nothing where none publishes one
 * @throws OperatorError when the publisher cannot be asked, or says something else
 */
export async function published(key: string, { text }: Web): Promise<string | undefined> {
  const source = sourceOf(key);
  if (source === undefined) return undefined;
  const found = source.find(await text(source.url));
  if (found === undefined || !/^[0-9a-f]{64}$/.test(found)) {
    throw new OperatorError(
      `${source.url} has no SHA-256 checksum of ${key}; see with a browser what stands there`,
    );
  }
  return found;
}

/** The digest by which a registry has an image, `REGISTRY/NAME:TAG`. */
export async function publishedImage(image: string, { digest }: Web): Promise<string> {
  const [, host = "", name = "", tag = ""] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `https://${host}/v2/${name}/manifests/${tag}`;
  const found = await digest(url);
  if (found === null || !/^sha256:[0-9a-f]{64}$/.test(found))
    throw new OperatorError(`${url} names no digest of ${image}; ask its registry by another way`);
  return found;
}

/** The newest patch of a minor version of Kubernetes: `1.36.4`. */
export async function newest(minor: string, { text }: Web): Promise<string> {
  const url = `https://dl.k8s.io/release/stable-${minor}.txt`;
  const found = (await text(url)).trim().replace(/^v/, "");
  if (!new RegExp(`^${minor.replace(".", "\\.")}\\.\\d+$`).test(found))
    throw new OperatorError(`${url} names no version of ${minor}; see with a browser what it says`);
  return found;
}
