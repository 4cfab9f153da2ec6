import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import { stringify } from "yaml";
import { artifactsOf, versionsOf } from "../../config/artifacts";
import { plugins } from "../../networks";
import { ClusterConfigError } from "../../config/issues";
import { loadCluster } from "../../config/load";
import type { ClusterPlan } from "../../config/plan";

/** A cluster file as plain data that tests bend. */
export type FileData = Record<string, unknown>;

export const version = "1.36.3";

/** What a cluster with this version of Kubernetes and nothing else said runs. */
export const versionsAt = (kubernetes = version) =>
  versionsOf({ kubernetes: { version: kubernetes } });

/** An ed25519 host key, another one for each number. */
export function hostKey(n: number): string {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const blob = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(Buffer.alloc(32, n + 1))]);
  return `ssh-ed25519 ${blob.toString("base64")}`;
}

/** A checksum for every file a node may download. */
export function allChecksums(of = version): Record<string, string> {
  const sources = (["amd64", "arm64"] as const).flatMap((architecture) =>
    Object.values(plugins).flatMap((network) =>
      artifactsOf({ roles: ["master"], architecture }, versionsAt(of), network),
    ),
  );
  return Object.fromEntries(sources.map(({ key }) => [key, "ab".repeat(32)]));
}

/** What a file says of the whole cluster. */
export function sampleCluster() {
  return {
    name: "sample",
    kubernetes: { version },
    networking: { pod_cidr: "10.244.0.0/16", service_cidr: "10.96.0.0/16" },
    ssh: { agent: true },
    artifacts: { sha256: allChecksums() },
  };
}

/** One master (node 0) and two workers, without a mistake. */
export function sampleFile(): FileData {
  return {
    cluster: sampleCluster(),
    nodes: [
      { name: "master-01", ip: "10.0.0.11", roles: ["master"], host_key: hostKey(1) },
      { name: "worker-01", ip: "10.0.0.21", roles: ["worker"], host_key: hostKey(2) },
      { name: "worker-02", ip: "10.0.0.22", roles: ["worker"], host_key: hostKey(3) },
    ],
  };
}

/** A copy of `data` with the value at a path such as `nodes.1.ip` set, or taken out when it is undefined. */
export function withValue(data: FileData, path: readonly (string | number)[], value: unknown) {
  const copy = structuredClone(data);
  let place = copy as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) {
    place[part] ??= {};
    place = place[part] as Record<string | number, unknown>;
  }
  const last = path.at(-1) ?? "";
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

/** Calls `use` with a folder that is gone afterwards. */
export function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-config-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The plan of a file; `files` lie beside it. */
export function planOf(data: FileData, files: Readonly<Record<string, string>> = {}): ClusterPlan {
  return inFolder((folder) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, stringify(data));
    return loadCluster(path);
  });
}

/** The problems of a file, one line each; none when it is valid. */
export function problemsOf(data: FileData, files?: Readonly<Record<string, string>>): string[] {
  try {
    planOf(data, files);
    return [];
  } catch (error) {
    if (!(error instanceof ClusterConfigError)) throw error;
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
}

/** A private key in OpenSSH's form. */
export function privateKey(passphrase?: string): string {
  const locked = passphrase && { passphrase, cipher: "aes256-ctr", rounds: 1 };
  const { private: key } = utils.generateKeyPairSync("ed25519", locked || undefined);
  // One in some 270 that ssh2 makes it cannot read itself.
  return utils.parseKey(key, passphrase) instanceof Error ? privateKey(passphrase) : key;
}

/** The public half of a private key, as the file has host keys. */
export function lineOf(privateKey: string): string {
  const key = utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}
