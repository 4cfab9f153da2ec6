import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "../../commands/checksums";
import { artifactsOf } from "../../config/artifacts";
import { defaultPlugin } from "../../networks";
import { policiesImage } from "../../networks/flannel/policies";
import { images, kubernetesMinors, newestRuntime, versions } from "../../config/versions";
import { versionsAt } from "./clusterSample";
import { published, publishedImage, type Web } from "../../commands/web/publishers";
import { download } from "../../commands/web/ask";

const sum = (text: string) => createHash("sha256").update(text).digest("hex");

/** Publishers who have one patch of each minor version; the checksum of a file is that of its key. */
const publishers: Web = {
  digest: (url) => Promise.resolve(`sha256:${sum(url)}`),
  text: (url) => {
    const key = url.replace("https://", "");
    const stable = /stable-(.*)\.txt$/.exec(url)?.[1];
    if (stable) return Promise.resolve(`v${stable}.1`);
    if (key.endsWith(".sha256")) return Promise.resolve(`${sum(key.replace(/\.sha256$/, ""))}\n`);
    if (key.endsWith("/SHA256SUMS")) {
      const [, folder = "", version = ""] = /^(.*\/(v[^/]*)\/)SHA256SUMS$/.exec(key) ?? [];
      const name = (arch: string) => `etcd-${version}-linux-${arch}.tar.gz`;
      const line = (arch: string) => `${sum(folder + name(arch))}  ${name(arch)}\n`;
      return Promise.resolve(
        `${sum("other")}  etcd-${version}-darwin-amd64.zip\n${line("amd64")}${line("arm64")}`,
      );
    }
    if (key.startsWith("raw.")) return Promise.resolve(`what is at ${key}`);
    const [, repository = "", tag = ""] = /repos\/(.*)\/releases\/tags\/(.*)$/.exec(url) ?? [];
    const asset = (name: string) => ({
      name,
      digest: `sha256:${sum(`github.com/${repository}/releases/download/${tag}/${name}`)}`,
    });
    return Promise.resolve(
      JSON.stringify({
        assets: [
          { name: "README" },
          ...["amd64", "arm64"].flatMap((architecture) => [
            asset(`flanneld-${architecture}`),
            asset(`runc.${architecture}`),
            asset(`containerd-${tag.slice(1)}-linux-${architecture}.tar.gz`),
          ]),
        ],
      }),
    );
  },
};
const nothing = { origin: "", sha256: {}, images: {} };

describe("the checksums of a release", () => {
  it("are those of all files and images of all supported versions, as their publishers say", async () => {
    const { list, differences } = await compare(nothing, "2026-01-02", publishers);
    assert.deepEqual(differences, []);
    assert.equal(list.origin, "the publishers' own lists, read on 2026-01-02");
    for (const minor of kubernetesMinors)
      for (const patch of [0, 1])
        for (const architecture of ["amd64", "arm64"] as const)
          for (const { key } of artifactsOf(
            { roles: ["master"], architecture },
            { ...versionsAt(`${minor}.${patch}`), ...newestRuntime },
            defaultPlugin,
          ))
            assert.equal(list.sha256[key], sum(key), key);
    const manifest = `raw.githubusercontent.com/projectcalico/calico/v${versions.calico}/manifests/calico.yaml`;
    assert.equal(list.sha256[manifest], sum(`what is at ${manifest}`));
    assert.equal(Object.keys(list.sha256).length, kubernetesMinors.length * 2 * 2 * 6 + 9);
    assert.deepEqual(Object.keys(list.images), [
      ...Object.values(images),
      policiesImage,
      ...["cni", "node", "kube-controllers"].map(
        (name) => `quay.io/calico/${name}:v${versions.calico}`,
      ),
    ]);
  });

  it("that differ from those that are there are told", async () => {
    const key = "dl.k8s.io/release/v1.34.9/bin/linux/amd64/kubelet";
    const known = {
      ...nothing,
      sha256: { [key]: sum("another") },
      images: { [images.pause]: "sha256:another" },
    };
    const { differences } = await compare(known, "", publishers);
    assert.deepEqual(differences, [
      `${key}\n  published  ${sum(key)}\n  here       ${sum("another")}`,
      `${images.pause}\n  published  sha256:${sum("https://registry.k8s.io/v2/pause/manifests/3.10.1")}\n  here       sha256:another`,
    ]);
  });

  it("that a publisher does not name are told with where they should be", async () => {
    const says = (text: string): Web => ({ ...publishers, text: () => Promise.resolve(text) });
    const kubelet = "dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubelet";
    const etcd =
      "github.com/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz";
    const flanneld = "github.com/flannel-io/flannel/releases/download/v0.28.4/flanneld-amd64";
    for (const [key, text, place] of [
      [kubelet, "<html>log in</html>", `https://${kubelet}.sha256`],
      [
        etcd,
        `${sum("")}  another.tar.gz`,
        "https://github.com/etcd-io/etcd/releases/download/v3.6.16/SHA256SUMS",
      ],
      [flanneld, "{}", "https://api.github.com/repos/flannel-io/flannel/releases/tags/v0.28.4"],
    ] as const)
      await assert.rejects(published(key, says(text)), {
        message: `${place} has no SHA-256 checksum of ${key}; see with a browser what stands there`,
      });
    assert.equal(await published("mirror.site/own", publishers), undefined);
    await assert.rejects(
      publishedImage(images.pause, { ...publishers, digest: () => Promise.resolve(null) }),
      {
        message: `https://registry.k8s.io/v2/pause/manifests/3.10.1 names no digest of ${images.pause}; ask its registry by another way`,
      },
    );
  });
});

describe("a download of the operator's", () => {
  let folder: string;
  let server: Server;
  let url: string;
  before((done) => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-download-"));
    server = createServer((_, response) => response.end("a program")).listen(0, "127.0.0.1", () => {
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/program`;
      done();
    });
  });
  after((done) => {
    rmSync(folder, { recursive: true });
    server.close(done);
  });

  it("is there when it is what was asked for", async () => {
    await download(url, join(folder, "a/b/program"), sum("a program"));
    assert.equal(readFileSync(join(folder, "a/b/program"), "utf8"), "a program");
    assert.deepEqual(readdirSync(join(folder, "a/b")), ["program"]);
  });

  it("leaves nothing when it is something else", async () => {
    await assert.rejects(download(url, join(folder, "other"), sum("another")), {
      message: `${url} is not what was asked for: its SHA-256 is ${sum("a program")}, and should be ${sum("another")}; the server or the checksum is wrong, and nothing of it was kept`,
    });
    assert.ok(!existsSync(join(folder, "other")) && !existsSync(join(folder, "other.part")));
  });
});
