import assert from "node:assert/strict";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { assertPodsReach } from "../dataPlane";
import { clusterFile, converge, must, root, run } from "../lab";

interface ClusterFile {
  readonly cluster: Readonly<Record<string, unknown>>;
  readonly nodes: readonly { name: string; ip: string; roles: string[]; host_key: string }[];
}

const nodes = ["master-01", "master-02", "master-03", "worker-01", "worker-02"];
const file = join(root, ".lab/first.yaml");
const site = join(root, ".lab/site.yaml");
const args = [11, 12, 13, 21, 22].map((last) => `root@10.77.0.${last}`).join(" ");
// Whoever runs this may know other machines by these addresses.
const init = `HOME=$PWD/.lab npm run --silent init -- --name lab --file .lab/first.yaml --identity .lab/ssh/id_ed25519`;
const read = (path: string) => parse(readFileSync(path, "utf8")) as ClusterFile;

describe("machines of which nobody has written anything down", function () {
  this.timeout(300_000);
  before(() => {
    const { artifacts, registry_mirrors, images, preflight } = read(clusterFile).cluster;
    writeFileSync(site, stringify({ cluster: { artifacts, registry_mirrors, images, preflight } }));
  });
  after(() => [file, site].forEach((path) => rmSync(path, { force: true })));

  it("show their host keys, and nothing is written before these are confirmed", () => {
    rmSync(file, { force: true });
    const { status, output } = run(`${init} ${args}`);
    assert.equal(status, 1, output);
    for (const node of nodes) {
      const shown = must(`ssh-keygen -lf .lab/nodes/${node}/ssh_host_ed25519_key.pub`);
      assert.ok(output.includes(shown.split(" ")[1] ?? "?"), output);
    }
    // On a terminal somebody is asked.
    const asked = run(`script --quiet --return --command '${init} ${args}' /dev/null`, {
      input: "n\n",
    });
    assert.equal(asked.status, 1, asked.output);
    assert.match(asked.output, /Are these the keys of your machines\? \[y\/N\]/);
    assert.throws(() => readFileSync(file), /ENOENT/);
  });

  it("have a file in one command, with what the lab knows of them", () => {
    must(`${init} --site .lab/site.yaml --yes ${args}`);
    const pick = (path: string) =>
      read(path).nodes.map(({ name, ip, roles, host_key }) => ({ name, ip, roles, host_key }));
    assert.deepEqual(pick(file), pick(clusterFile));
    assert.equal(run(`${init} --yes ${args}`).status, 2, "a file is overwritten");
  });

  it("are a cluster that pods can use, by that file as it is", async () => {
    copyFileSync(file, clusterFile);
    must("pulumi stack select dev --create");
    converge();
    await assertPodsReach("master-01", nodes);
  });
});
