import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { stringify } from "yaml";
import { needsOf } from "../../commands/artifacts";
import { checksumOf } from "../../commands/web/ask";
import { allChecksums, inFolder, sampleFile, withValue } from "./clusterSample";

describe("the list of files to download", () => {
  it("has each file once, with its URL and the checksum there is", () => {
    // Of a version that will never be, the release knows no checksum.
    const kubelet = "dl.k8s.io/release/v1.36.999/bin/linux/amd64/kubelet";
    const sums = Object.entries(allChecksums("1.36.999")).filter(([key]) => key !== kubelet);
    // The list is there before the rest of the file is right.
    const file = [
      [["cluster", "kubernetes", "version"], "1.36.999"],
      [["cluster", "artifacts", "sha256"], Object.fromEntries(sums)],
      [["nodes", 1, "host_key"], undefined],
    ].reduce((file, [path, value]) => withValue(file, path as string[], value), sampleFile());
    const entries = inFolder((folder) => {
      const path = join(folder, "cluster.yaml");
      writeFileSync(path, stringify(file));
      return needsOf(path).files;
    });
    const keys = entries.map(({ key }) => key);
    assert.deepEqual(keys, [...new Set(keys)].sort());
    assert.equal(keys.length, 8);
    assert.deepEqual(
      entries.filter(({ sha256 }) => sha256 === undefined),
      [{ key: kubelet, url: `https://${kubelet}`, sha256: undefined }],
    );
  });

  describe("with --fetch", () => {
    const body = "a program";
    let server: Server;
    let base: string;
    before((done) => {
      server = createServer((request, response) => {
        response.statusCode = request.url === "/there" ? 200 : 404;
        response.end(body);
      }).listen(0, "127.0.0.1", () => {
        base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        done();
      });
    });
    after((done) => void server.close(done));

    it("computes the checksum of what it downloads", async () => {
      const expected = createHash("sha256").update(body).digest("hex");
      assert.equal(await checksumOf(`${base}/there`), expected);
    });

    it("names a file that cannot be downloaded, and why", async () => {
      await assert.rejects(checksumOf(`${base}/gone`), {
        message: `${base}/gone cannot be downloaded: HTTP status 404; check cluster.artifacts.base_url and the network, and name a private CA in NODE_EXTRA_CA_CERTS`,
      });
    });
  });
});
