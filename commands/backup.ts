import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { zstdCompressSync } from "node:zlib";
import { Encrypter } from "age-encryption";
import { snapshotFolder } from "../config/etcd";
import { loadCluster } from "../config/load";
import type { ClusterPlan, NodePlan } from "../config/plan";
import { lastWords, printable } from "../ssh/report";
import { upload } from "../ssh/upload";
import { Wire } from "../ssh/wire";
import { command, common, main, OperatorError } from "./command";

/** Seconds that a master has to send it to S3. */
const patience = 600;

export const backup = command({
  name: "backup",
  about:
    "Saves Pulumi's state of the cluster beside the snapshots of etcd, which are worth nothing without it: on every master, and in\n" +
    "S3 where the file names it (cluster.etcd.snapshots), the last ten. It is encrypted to the recipients of the snapshots before it\n" +
    "leaves this machine; what is secret in it is encrypted by the stack's own secrets provider before. Run it after each 'pulumi up'.\n" +
    "The way back: age --decrypt --identity KEY FILE | zstd -d | pulumi stack import",
  options: {
    file: common.file,
    stack: { type: "string", value: "STACK", help: "the stack; default: the one that is selected" },
    out: { type: "string", value: "FILE", help: "writes it to this file, too" },
  },
  statuses: { 0: "it is saved on all masters", 1: "it is saved, but not on all of them" },
  async run({ file, stack, out }) {
    const plan = loadCluster(file);
    const keys = recipientsOf(plan, file);
    const name = `state-${new Date().toISOString().replace(/[-:]|\.\d+/g, "")}.json.zst.age`;
    const content = await encrypted(exported(stack), keys);
    if (out !== undefined) writeFileSync(out, content, { mode: 0o600 });
    const outcomes = await Promise.all(
      plan.masters.map(async (node) => {
        try {
          await bring(node, name, content);
          process.stdout.write(`${node.name} has ${name}\n`);
          return true;
        } catch (error) {
          process.stderr.write(`${(error as Error).message.trim()}\n`);
          return false;
        }
      }),
    );
    if (!outcomes.includes(true)) throw new OperatorError("the state was saved nowhere; see above");
    return outcomes.includes(false) ? 1 : 0;
  },
});

/** The public keys of age that it is encrypted to. */
function recipientsOf({ etcd, masters }: ClusterPlan, file: string): string[] {
  if (masters.length === 0) throw new OperatorError(`${file} has no master to keep it`);
  // The library has no keys of SSH.
  const keys = etcd.snapshots.recipients.filter((key) => key.startsWith("age1"));
  if (keys.length > 0) return keys;
  throw new OperatorError(
    `cluster.etcd.snapshots.recipients of ${file} names no key of age, and the state is not saved for everybody to read; ` +
      "make one where no node is (age-keygen -o key.txt), write its public key (age1...) there, and run 'pulumi up'",
  );
}

/** The state as Pulumi exports it: secrets stay encrypted. */
function exported(stack: string | undefined): Buffer {
  const args = ["stack", "export", ...(stack === undefined ? [] : ["--stack", stack])];
  try {
    return execFileSync("pulumi", args, {
      maxBuffer: 2 ** 31 - 1,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const { stderr, message } = error as Error & { readonly stderr?: Buffer };
    const words = stderr?.toString().trim() || message;
    throw new OperatorError(`pulumi ${args.join(" ")} fails: ${printable(words, 500)}`);
  }
}

async function encrypted(state: Buffer, recipients: readonly string[]): Promise<Buffer> {
  const encrypter = new Encrypter();
  for (const key of recipients) encrypter.addRecipient(key);
  return Buffer.from(await encrypter.encrypt(zstdCompressSync(state)));
}

/** Brings it to a master, which sends it to S3. */
async function bring(node: NodePlan, name: string, content: Buffer): Promise<void> {
  const wire = new Wire(node);
  await upload(wire, content, `${snapshotFolder}/${name}`);
  const program = `python3 -IB /usr/local/lib/groundwork/snapshot --state '${name}'\n`;
  const run = await wire.run(program, patience);
  if (run.status !== 0)
    throw new OperatorError(
      `${node.name} (${node.ssh.host}) does not keep the backup: ${lastWords(run.errors)}`,
    );
}

if (require.main === module) void main(backup);
