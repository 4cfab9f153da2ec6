import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { artifactsOf, versionsOf } from "../config/artifacts";
import { plugins } from "../networks";
import { type Released, released } from "../config/released";
import { images, kubernetesMinors, newestKubernetes, newestRuntime } from "../config/versions";
import { command, main } from "./command";
import { newest, published, publishedImage, type Web, web } from "./web/publishers";

const print = (text: string) => void process.stdout.write(`${text}\n`);
const file = join(__dirname, "..", "config", "checksums.json");

/** Versions up to the newest patch: 1.36.0, 1.36.1 ... */
function patchesUpTo(version: string): string[] {
  const [major, minor, patch] = version.split(".");
  return Array.from({ length: Number(patch) + 1 }, (_, i) => `${major}.${minor}.${i}`);
}

/** What a cluster runs that names none of them. */
const latest = versionsOf({ kubernetes: { version: newestKubernetes } });

/** Every file a node may download, with any of these versions of Kubernetes. */
function keysOf(versions: readonly string[]): string[] {
  const all = versions.flatMap((version) =>
    (["amd64", "arm64"] as const).flatMap((architecture) =>
      Object.values(plugins).flatMap((network) =>
        artifactsOf(
          { roles: ["master"], architecture },
          versionsOf({ kubernetes: { version }, versions: newestRuntime }),
          network,
        ).map(({ key }) => key),
      ),
    ),
  );
  return [...new Set(all)].sort();
}

/** The same of each, eight at a time: publishers count who asks. */
async function each<T, R>(list: readonly T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < list.length; i = next++) answers[i] = await ask(list[i] as T);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return answers;
}

/** What publishers say, and where the release says something else: a line each. */
export interface Comparison {
  readonly list: Released;
  readonly differences: readonly string[];
}

/** Asks the publishers for all that nodes of a supported version download, and for what the release knows already. */
export async function compare(known: Released, date: string, from: Web = web): Promise<Comparison> {
  // Files of one release stand in one list.
  const answers = new Map<string, Promise<string>>();
  const text = (url: string) => {
    const asked = answers.get(url) ?? from.text(url);
    answers.set(url, asked);
    return asked;
  };
  const once = { ...from, text };
  const versions = (await each(kubernetesMinors, (minor) => newest(minor, once))).flatMap(
    patchesUpTo,
  );
  const keys = [...new Set([...keysOf(versions), ...Object.keys(known.sha256)])].sort();
  const names = [
    ...Object.values(images),
    ...Object.values(plugins).flatMap((network) => network.images?.(latest) ?? []),
  ];
  const sums = await each(keys, async (key) => [key, await published(key, once)] as const);
  const digests = await each(
    names,
    async (name) => [name, await publishedImage(name, once)] as const,
  );
  const differences = [...differ(known.sha256, sums), ...differ(known.images, digests)];
  return {
    list: {
      origin: `the publishers' own lists, read on ${date}`,
      sha256: Object.fromEntries(sums.filter(([, sum]) => sum !== undefined)) as Released["sha256"],
      images: Object.fromEntries(digests),
    },
    differences,
  };
}

function differ(
  known: Readonly<Record<string, string>>,
  found: readonly (readonly [string, string | undefined])[],
): string[] {
  return found
    .filter(([name, value]) => known[name] !== undefined && known[name] !== value)
    .map(([name, value]) => `${name}\n  published  ${value}\n  here       ${known[name]}`);
}

export const checksums = command({
  name: "checksums",
  about:
    "The checksums that come with a release, of every file and image that nodes download: asks those who publish them, and\n" +
    "writes config/checksums.json. One that differs from what stands there is printed, and nothing is written: a publisher\n" +
    "does not change what was released. For who makes a release of Groundwork, or wants to see that it is right.",
  options: {
    check: { type: "boolean", default: false, help: "only compare, and write nothing" },
  },
  statuses: { 0: "what is there is as published", 1: "something is not" },
  async run({ check }) {
    const { list, differences } = await compare(released, new Date().toISOString().slice(0, 10));
    if (differences.length > 0) {
      print(differences.join("\n"));
      return 1;
    }
    if (!check) {
      writeFileSync(`${file}.new`, `${JSON.stringify(list, null, 2)}\n`);
      renameSync(`${file}.new`, file);
    }
    const count = Object.keys(list.sha256).length;
    print(`${count} files and ${Object.keys(list.images).length} images, all as published`);
    return 0;
  },
});

if (require.main === module) void main(checksums);
