import { createHash } from "node:crypto";
import { lastWords } from "./report";
import type { Wire } from "./wire";

/** Bytes that travel at once: little enough for a slow line to take them in its time, much enough to be worth a round. */
const chunk = 4 * 1024 * 1024;
/** Seconds for one. */
const patience = 300;

/**
 * Brings a file of the operator's to a machine, for root alone: whole, or not at all. What is there already is left.
 * @param path on the machine, in a folder of the cluster's
 * @throws Error that names the node and what to do
 */
export async function upload(wire: Wire, content: Buffer, path: string): Promise<void> {
  const sum = createHash("sha256").update(content).digest("hex");
  const same = (file: string) => `echo '${sum}  ${file}' | sha256sum --check --status 2>/dev/null`;
  const there = await wire.run(`${same(path)}\n`, patience);
  if (there.status === 0) return;
  for (let at = 0; at < content.length; at += chunk) {
    const part = content.subarray(at, at + chunk).toString("base64");
    // Where it belongs, so that a part that is sent again does no harm. bash reads commands only as far as it runs them.
    const place = `dd of='${path}.part' bs=${chunk} seek=${at / chunk} conv=notrunc iflag=fullblock status=none`;
    await must(
      wire,
      `umask 077; install -d -m 0700 '${path.slice(0, path.lastIndexOf("/"))}' && { base64 -d | ${place}; }; exit $?\n${part}\n`,
    );
  }
  await must(
    wire,
    `truncate -s ${content.length} '${path}.part' && ${same(`${path}.part`)} && sync '${path}.part' && mv -f '${path}.part' '${path}'\n`,
  );
}

async function must(wire: Wire, program: string): Promise<void> {
  const { status, errors } = await wire.run(program, patience);
  if (status === 0) return;
  const { name, ssh } = wire.node;
  const words = lastWords(errors);
  throw new Error(
    `\ngroundwork: ${name} (${ssh.host}) does not take a file (status ${status ?? "unknown"}): ${words}\n` +
      "  what to do: see whether there is room in /var/lib/groundwork (df -h); then run it again",
  );
}
