import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { artifactUrl } from "../config/artifacts";
import { knownVersions, neededArtifacts, pulledImages } from "../config/checks/checksums";
import { ClusterConfigError } from "../config/issues";
import { readClusterFile } from "../config/read";
import { byDigest, released } from "../config/released";
import { images } from "../config/versions";
import { command, main, OperatorError } from "./command";
import { published, web } from "./web/publishers";
import { checksumOf, download } from "./web/ask";

const print = (text: string) => void process.stdout.write(`${text}\n`);

interface Entry {
  readonly key: string;
  readonly url: string;
  readonly sha256: string | undefined;
}

/** What a cluster's nodes get from elsewhere. */
interface Needs {
  readonly files: readonly Entry[];
  /** With tag or digest. */
  readonly images: readonly string[];
  /** Whether the files come from a mirror. */
  readonly mirrored: boolean;
}

/** What a cluster needs. Other problems of the file do not matter, as long as its version is known. */
export function needsOf(path: string): Needs {
  const { draft, issues } = readClusterFile(path);
  const versions = knownVersions(draft);
  if (versions === undefined) throw new ClusterConfigError(path, issues);
  const { base_url, sha256 } = draft.cluster?.artifacts ?? {};
  const own = draft.cluster?.images;
  return {
    files: neededArtifacts(draft, versions).map(({ key }) => ({
      key,
      url: artifactUrl(key, base_url),
      sha256: sha256?.[key] ?? released.sha256[key],
    })),
    images: [
      own?.pause ?? byDigest(images.pause),
      own?.coredns ?? byDigest(images.coredns),
      ...pulledImages(draft),
    ],
    mirrored: base_url !== undefined,
  };
}

function describe({ key, url, sha256 }: Entry): string {
  return `${key}\n  url     ${url}\n  sha256  ${sha256 ?? "missing"}`;
}

/** Prints the YAML with what is missing: as its publisher says, or else of the file itself. */
async function fetchMissing({ files, mirrored }: Needs): Promise<void> {
  const missing = files.filter(({ sha256 }) => sha256 === undefined);
  if (missing.length === 0) return void process.stderr.write("no checksum is missing\n");
  const lines: string[] = [];
  for (const { key, url } of missing) {
    process.stderr.write(`asking for the checksum of ${url}\n`);
    const sum = mirrored ? undefined : await published(key, web);
    lines.push(`      ${key}: ${sum ?? (await checksumOf(url))}`);
  }
  print(["cluster:", "  artifacts:", "    sha256:", ...lines].join("\n"));
}

/** Puts every file where a web server of this folder has it for `cluster.artifacts.base_url`. */
async function fill(folder: string, { files, images }: Needs): Promise<void> {
  const missing = files.filter(({ sha256 }) => sha256 === undefined);
  if (missing.length > 0) {
    throw new OperatorError(
      `there is no checksum of\n${missing.map(({ key }) => `  ${key}`).join("\n")}\n--fetch prints what to put into the file; nothing was downloaded`,
    );
  }
  for (const { key, sha256 = "" } of files) {
    const path = join(folder, key);
    if (existsSync(path) && (await checksumOfFile(path)) === sha256) {
      print(`${key} is there`);
      continue;
    }
    print(`downloading ${key}`);
    await download(`https://${key}`, path, sha256);
  }
  print(
    `\nServe ${folder} by any web server, http will do, and set cluster.artifacts.base_url to its URL. Images go to a registry\nof the site's (cluster.registries) under their own names, whole, so that their digests stay:`,
  );
  for (const image of images) {
    const path = image.slice(image.indexOf("/") + 1);
    print(
      `  skopeo copy --all docker://${withoutTag(image)} docker://REGISTRY/${path.replace(/@.*/, "")}`,
    );
  }
}

/** An image with its digest alone where it has one: skopeo takes either. */
const withoutTag = (image: string) => image.replace(/:[^:/@]+(?=@)/, "");

async function checksumOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export const artifacts = command({
  name: "artifacts",
  about:
    "What the nodes of a cluster file download: each file's key, URL and checksum. With --fetch it prints the YAML for those\n" +
    "without checksum, as their publishers say, or as they are on a mirror. With --mirror it downloads all of them, verified,\n" +
    "into a folder for a web server to serve. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured.",
  arguments: "CLUSTER_FILE",
  count: [1, 1],
  options: {
    fetch: { type: "boolean", default: false, help: "find out the checksums that are missing" },
    mirror: {
      type: "string",
      value: "FOLDER",
      help: "download the files, as a mirror has them; what is there already stays",
    },
  },
  statuses: { 0: "it is done" },
  async run({ fetch, mirror }, [file = ""]) {
    const needs = needsOf(file);
    if (fetch) await fetchMissing(needs);
    else if (mirror !== undefined) await fill(resolve(mirror), needs);
    else print([...needs.files.map(describe), ...needs.images].join("\n"));
    return 0;
  },
});

if (require.main === module) void main(artifacts);
