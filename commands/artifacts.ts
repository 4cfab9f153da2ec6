import { createHash } from "node:crypto";
import { artifactUrl } from "../config/artifacts";
import { neededArtifacts } from "../config/checks/checksums";
import { ClusterConfigError } from "../config/issues";
import { readClusterFile } from "../config/read";
import { command, main, OperatorError } from "./command";

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

function describe({ key, url, sha256 }: Entry): string {
  return `${key}\n  url     ${url}\n  sha256  ${sha256 ?? "missing"}`;
}

async function fetchMissing(entries: readonly Entry[]): Promise<void> {
  const missing = entries.filter(({ sha256 }) => sha256 === undefined);
  if (missing.length === 0) return void process.stderr.write("no checksum is missing\n");
  const lines: string[] = [];
  for (const { key, url } of missing) {
    process.stderr.write(`downloading ${url}\n`);
    lines.push(`      ${key}: ${await checksumOf(url)}`);
  }
  process.stdout.write(["cluster:", "  artifacts:", "    sha256:", ...lines, ""].join("\n"));
}

export const artifacts = command({
  name: "artifacts",
  about:
    "What the nodes of a cluster file download: each file's key, URL and checksum. With --fetch it downloads the files\n" +
    "without checksum and prints the YAML to put into the cluster file. That trusts the source once: compare with the\n" +
    "checksums that upstream publishes.",
  arguments: "CLUSTER_FILE",
  count: [1, 1],
  options: {
    fetch: { type: "boolean", default: false, help: "find out the checksums that are missing" },
  },
  statuses: { 0: "it is done" },
  async run({ fetch }, [file = ""]) {
    const entries = listArtifacts(file);
    if (fetch) await fetchMissing(entries);
    else process.stdout.write(`${entries.map(describe).join("\n")}\n`);
    return 0;
  },
});

if (require.main === module) void main(artifacts);
