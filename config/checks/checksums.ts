import {
  type ArtifactSource,
  artifactsOf,
  artifactUrl,
  type Downloader,
  type Versions,
  versionsOf,
} from "../artifacts";
import { defaultPlugin, plugins } from "../../networks";
import { didYouMean } from "../didYouMean";
import { released } from "../released";
import { newestRuntime } from "../versions";
import { type Check, type ClusterDraft, managedOf } from "./types";

const place = ["cluster", "artifacts", "sha256"];

/** Every file a node downloads has a checksum, and every checksum is one of a file that nodes may download. */
export const checksums: Check = (file) => {
  const versions = knownVersions(file);
  if (versions === undefined) return [];
  const given = Object.keys(file.cluster?.artifacts?.sha256 ?? {});
  const missing = neededArtifacts(file, versions)
    .map(({ key }) => key)
    .filter((key) => !given.includes(key) && released.sha256[key] === undefined);
  // A list may serve several clusters, or be there before the first node of an architecture.
  // And of what is the distribution's until, or since, the file asks for another.
  const all = { ...newestRuntime, ...versions };
  const possible = new Set(everyNode.flatMap((node) => keysOf(node, all).map(unversioned)));
  return [
    ...missing.map((key) => ({
      path: [...place, key],
      message: `is missing, and the release knows none; give the SHA-256 checksum of ${artifactUrl(key, file.cluster?.artifacts?.base_url)}, or let npm run artifacts -- FILE --fetch find it out`,
    })),
    ...given
      // Of the version that the cluster leaves or comes to, too.
      .filter((key) => !possible.has(unversioned(key)))
      .map((key) => {
        const meant = didYouMean(
          key,
          missing.length > 0 ? missing : everyNode.flatMap((node) => keysOf(node, all)),
        );
        const remedy = meant === undefined ? "remove it" : `did you mean ${meant}?`;
        return {
          path: [...place, key],
          message: `belongs to no file the nodes download; ${remedy}`,
        };
      }),
  ];
};

/** A key whatever version it is of. */
const unversioned = (key: string) => key.replace(/(?<=[v-])\d+\.\d+\.\d+\b/g, "");

/** What the file has nodes run; undefined without Kubernetes' version, without which no file's name is known. */
export function knownVersions({ cluster }: ClusterDraft): Versions | undefined {
  const version = cluster?.kubernetes?.version;
  return version === undefined ? undefined : versionsOf({ ...cluster, kubernetes: { version } });
}

const networkOf = ({ cluster }: ClusterDraft) =>
  plugins[cluster?.networking?.plugin ?? defaultPlugin.name] ?? defaultPlugin;

/** The images of the network plugin, as far as they are known. */
export function pulledImages(file: ClusterDraft): readonly string[] {
  const { name, pulled } = networkOf(file);
  const networking: Readonly<Record<string, unknown>> = file.cluster?.networking ?? {};
  return pulled?.(networking[name]) ?? [];
}

/** Each file some node needs, once, in order of its key. */
export function neededArtifacts(file: ClusterDraft, versions: Versions): ArtifactSource[] {
  const network = networkOf(file);
  const sources = managedOf(file).flatMap(({ node: { roles, architecture } }) => {
    const known = roles?.filter((role) => role !== undefined);
    return known && architecture
      ? artifactsOf({ roles: known, architecture }, versions, network)
      : [];
  });
  const byKey = new Map(sources.map((source) => [source.key, source]));
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

const everyNode: readonly Downloader[] = [
  { roles: ["master"], architecture: "amd64" },
  { roles: ["master"], architecture: "arm64" },
];

function keysOf(node: Downloader, versions: Versions): string[] {
  return Object.values(plugins).flatMap((network) =>
    artifactsOf(node, versions, network).map(({ key }) => key),
  );
}
