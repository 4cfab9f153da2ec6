/**
 * The cluster file as the lab sees it: which machines to boot, and what only a running lab can add.
 *
 *   clusterFile.ts machines FILE    prints `name address`, one machine a line
 *   clusterFile.ts write FILE LAB   writes LAB/cluster.yaml: FILE, plus host keys, mirror, registry, images and SSH key
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isSeq, parseDocument, type Document, type YAMLMap } from "yaml";

const mirror = "https://10.77.0.1:8443";
const registry = "https://10.77.0.1:5000";
/** What the product calls images that the lab has in its registry. */
const productImages: Readonly<Record<string, string>> = {
  pause: "pause",
  "coredns/coredns": "coredns",
};
const mirroredRegistries = ["registry.k8s.io", "docker.io"];

/** A user's mistake: reported as one line, without a stack trace. */
class ClusterFileError extends Error {}

function load(file: string): Document {
  if (!existsSync(file)) throw new ClusterFileError(`${file} does not exist`);
  const document = parseDocument(readFileSync(file, "utf8"));
  const [error] = document.errors;
  if (error) throw new ClusterFileError(`${file} is not valid YAML: ${error.message}`);
  return document;
}

/** The file's machines, each checked for what the lab's network asks of it. */
function machinesOf(
  document: Document,
  file: string,
): { name: string; ip: string; node: YAMLMap }[] {
  const nodes = document.get("nodes");
  if (!isSeq(nodes)) throw new ClusterFileError(`${file}: nodes: must be a list of machines`);
  const seen = new Set<string>();
  return nodes.items.map((node, index) => {
    const where = `${file}: nodes[${index}]`;
    if (!isMap(node)) throw new ClusterFileError(`${where} must be a mapping with name and ip`);
    const { name, ip } = node.toJSON() as { name?: unknown; ip?: unknown };
    // The host's end of the machine's cable is named vb-<name>, and interface names end at 15 characters.
    if (typeof name !== "string" || !/^[a-z0-9][a-z0-9-]{0,11}$/.test(name)) {
      throw new ClusterFileError(
        `${where}.name is ${JSON.stringify(name)}: the lab takes 1 to 12 lower-case letters, digits and dashes`,
      );
    }
    const last = typeof ip === "string" ? /^10\.77\.0\.(\d{1,3})$/.exec(ip)?.[1] : undefined;
    if (last === undefined || Number(last) < 2 || Number(last) > 254) {
      throw new ClusterFileError(
        `${where}.ip is ${JSON.stringify(ip)}: the lab's addresses are 10.77.0.2 to 10.77.0.254`,
      );
    }
    for (const value of [name, ip as string]) {
      if (seen.has(value)) throw new ClusterFileError(`${where}: ${value} is used twice`);
      seen.add(value);
    }
    return { name, ip: ip as string, node: node };
  });
}

/** Sets a value unless the operator wrote one. */
function setDefault(document: Document, path: string[], value: unknown): void {
  if (!document.hasIn(path)) document.setIn(path, document.createNode(value));
}

function write(file: string, lab: string): void {
  const document = load(file);
  for (const { name, node } of machinesOf(document, file)) {
    // A stranger's machine is booted, and nobody logs in to it.
    if (node.get("managed") === false) continue;
    const key = readFileSync(join(lab, "nodes", name, "ssh_host_ed25519_key.pub"), "utf8");
    if (!node.has("host_key")) node.set("host_key", key.trim().split(" ").slice(0, 2).join(" "));
  }
  // The version that the lab's artifacts were built of (lab/artifacts/recipes.sh).
  const { KUBERNETES } = process.env;
  if (KUBERNETES) document.setIn(["cluster", "kubernetes", "version"], KUBERNETES.slice(1));
  const checksums = join(lab, "artifacts", "sha256.json");
  if (existsSync(checksums)) {
    setDefault(document, ["cluster", "artifacts", "base_url"], mirror);
    const sha256 = JSON.parse(readFileSync(checksums, "utf8")) as Record<string, string>;
    for (const [path, sum] of Object.entries(sha256)) {
      setDefault(document, ["cluster", "artifacts", "sha256", path], sum);
    }
  }
  const images = join(lab, "artifacts", "images.json");
  if (existsSync(images)) {
    const digests = JSON.parse(readFileSync(images, "utf8")) as Record<string, string>;
    for (const [image, digest] of Object.entries(digests)) {
      const name = productImages[image.split(":")[0] ?? ""];
      if (name === undefined) continue;
      setDefault(document, ["cluster", "images", name], `registry.k8s.io/${image}@${digest}`);
    }
  }
  for (const name of mirroredRegistries) {
    setDefault(document, ["cluster", "registry_mirrors", name], [registry]);
  }
  if (!document.hasIn(["cluster", "ssh", "agent"])) {
    setDefault(document, ["cluster", "ssh", "private_key_file"], "ssh/id_ed25519");
  }
  const target = join(lab, "cluster.yaml");
  const text = `# Written by the lab from ${file}; edits are lost.\n${document.toString({ lineWidth: 0 })}`;
  writeFileSync(`${target}.new`, text);
  renameSync(`${target}.new`, target);
}

function main(action: string | undefined, file: string | undefined, lab: string | undefined): void {
  if (action === "machines" && file !== undefined) {
    for (const { name, ip } of machinesOf(load(file), file)) console.log(`${name} ${ip}`);
  } else if (action === "write" && file !== undefined && lab !== undefined) {
    write(file, lab);
  } else {
    throw new ClusterFileError("usage: clusterFile.ts machines FILE | write FILE LAB");
  }
}

try {
  main(...(process.argv.slice(2, 5) as [string?, string?, string?]));
} catch (error) {
  if (!(error instanceof ClusterFileError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
