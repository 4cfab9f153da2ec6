import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { zstdDecompressSync } from "node:zlib";

const digestBytes = 32;

/**
 * A snapshot of etcd as it lies in a file, be it compressed: its last 32 bytes are the SHA-256 of what stands before.
 * @throws Error that names the file, what is wrong with it, and what to do
 */
export async function readSnapshot(path: string): Promise<Buffer> {
  const stored = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw refusal(
      path,
      `cannot be read (${error.code})`,
      "give the path of a snapshot in cluster.etcd.restore.snapshot",
    );
  });
  const text = path.endsWith(".zst") ? unpacked(path, stored) : stored;
  const held = text.subarray(0, -digestBytes);
  const digest = createHash("sha256").update(held).digest();
  if (text.length <= digestBytes || !digest.equals(text.subarray(-digestBytes))) {
    throw refusal(
      path,
      "is no whole snapshot of etcd: its checksum is not that of what it holds",
      "copy it again, or take another; a database that was copied (member/snap/db) is no snapshot",
    );
  }
  return stored;
}

function unpacked(path: string, stored: Buffer): Buffer {
  try {
    return zstdDecompressSync(stored);
  } catch (error) {
    throw refusal(
      path,
      `cannot be unpacked (${(error as Error).message})`,
      "copy it again, or take another",
    );
  }
}

const refusal = (path: string, what: string, remedy: string) =>
  new Error(
    `\ngroundwork: the snapshot ${path} ${what}; nothing was stopped\n  what to do: ${remedy}`,
  );
