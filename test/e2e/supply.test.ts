import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, type YAMLMap } from "yaml";
import { servicePath } from "../../config/artifacts";
import { loadCluster } from "../../config/load";
import {
  clusterFile,
  converge,
  editCluster,
  eventually,
  json,
  kubectl,
  must,
  on,
  root,
  run,
  settle,
} from "./lab";

const nodes = ["master-01", "worker-01"];
const proxy = "http://10.77.0.1:3128";
const registry = "10.77.0.1:5001";
const kubelet = "dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubelet";
const fromGithub = (key: string) => key.startsWith("github.com/");

/** On the machines of pair.yaml: a site whose nodes reach nothing but a proxy and a DNS server. */
describe("a site with one door", function () {
  this.timeout(600_000);
  const folder = mkdtempSync(join(tmpdir(), "groundwork-site-"));
  const path = (name: string) => join(folder, name);
  const asked = () => readFileSync(path("log"), "utf8").split("\n");
  const built = JSON.parse(
    readFileSync(join(root, ".lab/artifacts/sha256.json"), "utf8"),
  ) as Record<string, string>;
  let outside: ChildProcess | undefined;
  let backToFormer = (): void => undefined;

  const edit = (...changes: [path: (string | number)[], value: unknown][]) =>
    editCluster((file) => {
      for (const [at, value] of changes)
        if (value === undefined) file.deleteIn(at);
        else file.setIn(at, file.createNode(value));
    });
  const artifacts = (args: string) =>
    run(
      `HTTPS_PROXY=${proxy} NODE_EXTRA_CA_CERTS=${path("ca.crt")} npm run --silent artifacts -- ${clusterFile} ${args}`,
    );

  before(async () => {
    must("pulumi stack select dev --create");
    mkdirSync(path("mirror"));
    writeFileSync(path("log"), "");
    writeFileSync(path("password"), "hunter2\n");
    archive(path("debian"));
    certificates(folder);
    for (const node of nodes) {
      const closed = on(node, siege);
      assert.equal(closed.status, 0, closed.output);
    }
    outside = spawn(process.execPath, ["-r", "ts-node/register", "test/e2e/outside.ts", folder], {
      cwd: root,
      stdio: "inherit",
    });
    await eventually(() => must(`curl -sk --noproxy '*' -o /dev/null https://${registry}/v2/`));
    backToFormer = edit(
      ...Object.keys(built)
        .filter(fromGithub)
        .map((key): [string[], undefined] => [["cluster", "artifacts", "sha256", key], undefined]),
      [["cluster", "artifacts", "base_url"], undefined],
      [["cluster", "registry_mirrors"], undefined],
      [
        ["cluster", "registries"],
        {
          _default: { mirrors: [{ url: `https://${registry}` }] },
          "docker.io": { mirrors: [{ url: `https://${registry}/v2`, override_path: true }] },
          [registry]: {
            username: "puller",
            password_file: path("password"),
            ca_file: path("ca.crt"),
          },
        },
      ],
      [["cluster", "proxy"], { http: proxy, https: proxy }],
      [["cluster", "networking", "dns_servers"], ["10.77.0.1"]],
      [["cluster", "networking", "stub_domains"], { "corp.example": ["10.77.0.1"] }],
    );
  });
  after(() => {
    outside?.kill();
    backToFormer();
    rmSync(folder, { recursive: true });
  });

  it("gets the checksums it lacks from those who publish them, by the operator's proxy", () => {
    const { stdout, output } = artifacts("--fetch");
    const { cluster } = parse(stdout) as { cluster: { artifacts: { sha256: object } } };
    const theirs = Object.fromEntries(Object.entries(built).filter(([key]) => fromGithub(key)));
    assert.deepEqual(cluster.artifacts.sha256, theirs, output);
    for (const host of ["github.com", "api.github.com"])
      assert.ok(asked().includes(`CONNECT ${host}:443`), asked().join("\n"));
    editCluster((file) => {
      const sums = file.getIn(["cluster", "artifacts", "sha256"]) as YAMLMap;
      for (const [key, sum] of Object.entries(theirs)) sums.set(key, sum);
    });
  });

  it("fills a mirror, and only mends it the second time", () => {
    const first = artifacts(`--mirror ${path("mirror")}`);
    assert.equal(first.status, 0, first.output);
    assert.match(first.stdout, /skopeo copy --all docker:\/\/registry\.k8s\.io\/pause@sha256:/);
    writeFileSync(join(path("mirror"), kubelet), "evil");
    const second = artifacts(`--mirror ${path("mirror")}`);
    assert.deepEqual(second.stdout.match(/^downloading .*$/gm), [`downloading ${kubelet}`]);
    edit([["cluster", "artifacts", "base_url"], "http://10.77.0.1:8080"]);
  });

  it("comes up by its proxy alone: packages, programs over http, images of a registry with a password", () => {
    converge();
    for (const line of [
      `GET http://10.77.0.1:8080/${kubelet}`,
      "GET http://deb.debian.org/debian/./ethtool.deb",
      `CONNECT ${registry}`,
    ])
      assert.ok(asked().includes(line), `${line} is not among\n${asked().join("\n")}`);
    const images = on("worker-01", "ctr -n k8s.io images ls -q").stdout;
    assert.match(images, /registry\.k8s\.io\/pause@sha256:/);
  });

  it("keeps the registry's password in no place but the nodes", () => {
    const config = "/etc/containerd/config.toml";
    assert.match(
      on("worker-01", `stat -c %a ${config}; cat ${config}`).stdout,
      /^600\n[^]*"hunter2"/,
    );
    for (const said of ["stack export", "preview --diff --non-interactive"])
      assert.doesNotMatch(must(`pulumi ${said}`), /hunter2/);
  });

  it("runs a pod of Docker Hub's, which resolves the site's names and the cluster's", async () => {
    kubectl("run asker --image=docker.io/library/busybox:1 --restart=Never -- sleep 600");
    kubectl("wait --for=condition=Ready pod/asker --timeout=60s");
    const resolve = (name: string) => kubectl(`exec asker -- nslookup -type=a ${name}`);
    await eventually(() => {
      assert.match(resolve("git.corp.example"), /192\.0\.2\.7/);
      assert.match(resolve("www.example.net"), /192\.0\.2\.7/);
      assert.match(resolve("kubernetes.default.svc.cluster.local"), /10\.96\.0\.1\b/);
    });
    assert.ok(asked().includes("DNS git.corp.example"));
  });

  it("gets back programs that were tampered with when their step runs again, and loses no pod", () => {
    const pods = () =>
      json<{ items: { metadata: { uid: string } }[] }>("kubectl get pods -A -o json").items.map(
        ({ metadata }) => metadata.uid,
      );
    const before = pods();
    const { versions } = loadCluster(clusterFile);
    const [etcdctl, flanneld] = ["/usr/local/bin/etcdctl", servicePath("flanneld", versions)];
    const program = servicePath("kubelet", versions);
    const evil = (path: string) =>
      `printf '#!/bin/sh\\n' >/tmp/evil && chmod 755 /tmp/evil && mv /tmp/evil ${path}`;
    const sums = () =>
      nodes.map((node) => on(node, `sha256sum ${etcdctl} ${program} ${flanneld}`).stdout);
    const right = sums();
    assert.equal(on("master-01", `${evil(etcdctl)} && ${evil(program)}`).status, 0);
    assert.equal(on("worker-01", evil(flanneld)).status, 0);
    assert.ok(sums().every((now, i) => now !== right[i]));
    edit([["cluster", "proxy", "no_proxy"], [".corp.example"]]);
    // Snapshots that go elsewhere go by the proxy, too.
    const ran = [
      ...nodes.flatMap((node) => [`${node}-prepare`, `${node}-preflight`]),
      "master-01-snapshots",
    ];
    assert.deepEqual(settle().sort(), ran.sort());
    assert.deepEqual(sums(), right);
    assert.deepEqual(pods(), before);
  });
});

/** What closes a machine's door, and takes a package off it that its cluster needs. */
const siege = `set -e
nft -f - <<'E'
table inet site {
  chain out {
    type filter hook output priority 0
    ip daddr 10.77.0.1 tcp dport != 3128 tcp flags & (syn | ack) == syn reject with tcp reset
  }
}
E
echo 'deb [trusted=yes] http://deb.debian.org/debian ./' >/etc/apt/sources.list
rm -rf /var/lib/apt/lists/*
dpkg --force-depends --purge ethtool
`;

/** A Debian archive of one package, which nobody signed. */
function archive(folder: string): void {
  const script = `set -e; mkdir -p "$1/debian"; cd "$1/debian"
apt-get -qq -o APT::Sandbox::User=root download ethtool
mv ethtool_*.deb ethtool.deb
{ dpkg-deb -f ethtool.deb
  printf 'Filename: ./ethtool.deb\\nSize: %s\\n' "$(stat -c %s ethtool.deb)"
  printf 'SHA256: %s\\n\\n' "$(sha256sum ethtool.deb | cut -d' ' -f1)"; } >Packages`;
  execFileSync("bash", ["-c", script, "bash", folder]);
}

/** An authority of the site's, and a certificate for all who live outside. */
function certificates(folder: string): void {
  const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  const names = "DNS:dl.k8s.io,DNS:github.com,DNS:api.github.com,IP:10.77.0.1";
  const script = `set -e; cd "$1"
openssl req -x509 ${key} -subj /CN=site -days 2 -keyout ca.key -out ca.crt
openssl req ${key} -subj /CN=outside -keyout server.key -out server.csr
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \\
  -extfile <(echo subjectAltName=${names})`;
  execFileSync("bash", ["-c", script, "bash", folder], { stdio: "ignore" });
}
