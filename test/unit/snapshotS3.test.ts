import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type S3Server, startS3 } from "./s3Server";

const programs = join(__dirname, "../../steps/snapshots");

describe("the snapshots in S3", () => {
  let server: S3Server;
  let folder: string;
  before(async () => {
    server = await startS3("wJalr/secret");
    folder = mkdtempSync(join(tmpdir(), "groundwork-s3-"));
    writeFileSync(join(folder, "snapshot"), Buffer.alloc(3_000_000, 7));
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    server.objects.clear();
    server.requests.length = 0;
    credentials("[default]\naws_access_key_id = AKID\naws_secret_access_key = wJalr/secret\n");
  });
  const credentials = (text: string) => writeFileSync(join(folder, "credentials"), text);

  /** Runs a program with `bucket` at hand; what it printed. */
  const run = (program: string): Promise<{ status: number | null; output: string }> =>
    new Promise((resolve) => {
      const config = JSON.stringify({
        endpoint: `http://127.0.0.1:${server.port}`,
        bucket: "backups",
        addressing: "path",
        region: "eu-central-1",
        prefix: "east side/prod/",
      });
      const text = `import time, s3; time.sleep = lambda seconds: None
bucket = s3.Bucket({**${config}, "ca": None}, "${folder}/credentials")
${program}`;
      const child = spawn("python3", ["-B", "-c", text], {
        env: { PATH: process.env.PATH, PYTHONPATH: programs },
      });
      let output = "";
      child.stdout.on("data", (chunk) => (output += String(chunk)));
      child.stderr.on("data", (chunk) => (output += String(chunk)));
      child.on("close", (status) => resolve({ status, output: output.trim() }));
    });
  const put = `bucket.put("etcd-1.db", "${"FOLDER"}/snapshot")`;
  const must = async (program: string) => {
    const { status, output } = await run(program.replaceAll("FOLDER", folder));
    assert.equal(status, 0, output);
    return output;
  };

  it("are put, listed page by page, and deleted, each request signed with what it carries", async () => {
    const names = ["etcd-1.db", "etcd-2.db", "etcd-3.db"];
    for (const name of names) await must(put.replace("etcd-1.db", name));
    server.objects.set("/backups/east side/prod/deeper/etcd-0.db", Buffer.from(""));
    server.objects.set("/backups/other/etcd-9.db", Buffer.from(""));
    assert.equal(server.objects.get("/backups/east side/prod/etcd-1.db")?.length, 3_000_000);
    assert.equal(await must("print(*bucket.names())"), names.join(" "));
    await must('bucket.delete("etcd-2.db")');
    assert.equal(await must("print(*bucket.names())"), "etcd-1.db etcd-3.db");
  });

  it("take credentials without a section, too", async () => {
    credentials("aws_access_key_id = AKID\naws_secret_access_key = wJalr/secret\n");
    await must(put);
  });

  it("are put in spite of a server that fails for a moment", async () => {
    server.failures.push(503, 500);
    await must(put);
    assert.equal(server.objects.size, 1);
  });

  it("are told not to be there, with the server's words, where it refuses", async () => {
    credentials("aws_access_key_id = AKID\naws_secret_access_key = other\n");
    const { status, output } = await run(put.replaceAll("FOLDER", folder));
    assert.notEqual(status, 0);
    assert.match(output, /PUT http:\/\/127.*etcd-1\.db: 403 .*SignatureDoesNotMatch/);
    assert.doesNotMatch(output, /other\b/);
    assert.equal(server.objects.size, 0);
  });
});
