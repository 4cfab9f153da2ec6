/**
 * What the nodes of a cluster file download: `npm run artifacts -- FILE [--fetch]`.
 *
 * Prints each file's key, URL and checksum. With `--fetch` it downloads the files without checksum and prints the YAML
 * to put into the cluster file. That trusts the source once: compare with the checksums upstream publishes.
 */
import { createHash } from "node:crypto";
import { artifactUrl } from "./artifacts";
import { neededArtifacts } from "./checks/checksums";
import { ClusterConfigError } from "./issues";
import { readClusterFile } from "./read";

interface Entry {
  readonly key: string;
  readonly url: string;
  readonly sha256: string | undefined;
}

/** The files a cluster needs. Other problems of the file do not matter, as long as its version is known. */
export function listArtifacts(path: string): Entry[] {
  const { draft, issues } = readClusterFile(path);
  const version = draft.cluster?.kubernetes?.version;
  if (version === undefined) throw new ClusterConfigError(path, issues);
  const { base_url, sha256 } = draft.cluster?.artifacts ?? {};
  return neededArtifacts(draft, version).map(({ key }) => ({
    key,
    url: artifactUrl(key, base_url),
    sha256: sha256?.[key],
  }));
}

/** SHA-256 of what is behind a URL, in hex. */
export async function checksumOf(url: string): Promise<string> {
  try {
    const response = await fetch(url);
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status}`);
    const hash = createHash("sha256");
    for await (const chunk of response.body) hash.update(chunk as Uint8Array);
    return hash.digest("hex");
  } catch (error) {
    // fetch hides the reason, such as an unknown certificate, in the cause.
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new OperatorError(
      `${url} cannot be downloaded: ${reason}; check cluster.artifacts.base_url and the network, and name a private CA in NODE_EXTRA_CA_CERTS`,
    );
  }
}

/** Something the operator can mend: its message is all there is to say. */
class OperatorError extends Error {}

function describe({ key, url, sha256 }: Entry): string {
  return `${key}\n  url     ${url}\n  sha256  ${sha256 ?? "missing"}`;
}

async function fetchMissing(entries: readonly Entry[]): Promise<void> {
  const missing = entries.filter(({ sha256 }) => sha256 === undefined);
  if (missing.length === 0) return console.error("no checksum is missing");
  const lines: string[] = [];
  for (const { key, url } of missing) {
    console.error(`downloading ${url}`);
    lines.push(`      ${key}: ${await checksumOf(url)}`);
  }
  console.log(["cluster:", "  artifacts:", "    sha256:", ...lines].join("\n"));
}

async function main(args: readonly string[]): Promise<void> {
  const [file, ...more] = args.filter((arg) => arg !== "--fetch");
  if (file === undefined || file.startsWith("-") || more.length > 0) {
    throw new OperatorError("usage: npm run artifacts -- CLUSTER_FILE [--fetch]");
  }
  const entries = listArtifacts(file);
  if (args.includes("--fetch")) return fetchMissing(entries);
  console.log(entries.map(describe).join("\n"));
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof ClusterConfigError || error instanceof OperatorError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });
}
