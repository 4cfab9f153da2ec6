import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readArchiveKey } from "../../config/ceph";
import { cephRelease, problemOfCeph, upstreamCeph } from "../../config/cephVersions";

const key = readFileSync(join(__dirname, "../graph/clusters/archive.asc"), "utf8");

describe("a version of Ceph", () => {
  it("is upstream's or a package's, of a release that is known", () => {
    for (const version of [
      "16.2.15",
      "18.2.7+ds-1",
      "19.2.3-1~bpo12+1",
      "19.2.3-1bookworm",
      "20.2.4",
    ])
      assert.equal(problemOfCeph(version), undefined, version);
    for (const [version, problem] of [
      ["19.2", /is no version of Ceph; give upstream's in full/],
      ["v19.2.3", /is no version of Ceph/],
      ["19.2.3-1'", /is no version of Ceph/],
      ["19.2.3 ", /is no version of Ceph/],
      ["19.1.0", /is not supported by this release; give a version of 16\.2, .*20\.2$/],
      ["15.2.17", /is not supported/],
      ["21.2.0", /is not supported/],
    ] as const)
      assert.match(problemOfCeph(version) ?? "", problem, version);
    assert.equal(upstreamCeph("18.2.7+ds-1"), "18.2.7");
    assert.equal(cephRelease("19.2.3-1bookworm"), "squid");
  });

  it("is refused where it is known to lose data, with the one that is mended", () => {
    for (const [version, mended] of [
      ["16.2.6", "16.2.7"],
      ["17.2.8", "17.2.9"],
      ["18.2.5-1focal", "18.2.7"],
      ["18.2.6", "18.2.7"],
      ["20.2.0", "20.2.1"],
    ] as const)
      assert.match(
        problemOfCeph(version) ?? "",
        new RegExp(`\\(tracker\\.ceph\\.com/issues/\\d+\\); give ${mended} or later$`),
      );
    for (const version of ["16.2.7", "17.2.7", "17.2.9", "18.2.4", "18.2.7", "20.2.1"])
      assert.equal(problemOfCeph(version), undefined, version);
  });
});

describe("the key of a repository", () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-key-"));
  after(() => rmSync(folder, { recursive: true }));
  const read = (text: string) => {
    writeFileSync(join(folder, "key.asc"), text);
    return readArchiveKey("key.asc", folder);
  };

  it("is one public key in armor, whatever an editor made of its lines", () => {
    for (const text of [key, `a comment\n${key}`, key.replaceAll("\n", "\r\n"), `${key}\n\n`])
      assert.deepEqual(read(text), { text: key });
  });

  it("is nothing else", () => {
    for (const [text, problem] of [
      ["", /holds no public key in ASCII armor/],
      [key.slice(0, -40), /holds no public key/],
      [key + key, /holds no public key .*the key of this repository alone/],
      [key.replaceAll("PUBLIC", "PRIVATE"), /holds a private key/],
    ] as const) {
      const found = read(text);
      assert.match("problem" in found ? found.problem : "", problem);
    }
    const missing = readArchiveKey("none.asc", folder);
    assert.match("problem" in missing ? missing.problem : "", /is no file/);
  });
});
