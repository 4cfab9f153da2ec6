import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { Project } from "../plugins/project";
import { clusterFile, json, on, root } from "./lab";

interface KubeNodes {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly addresses: readonly { readonly type: string; readonly address: string }[];
      readonly conditions: readonly { readonly type: string; readonly status: string }[];
    };
  }[];
}

const unattended = ["--yes", "--skip-preview", "--suppress-progress", "--parallel", "32"];
const machines = { east: "10.77.0.11", west: "10.77.0.21" };

/** On the machines of pair.yaml: docs/examples/library, which makes of each a cluster. */
describe("the example of two clusters in one program", function () {
  this.timeout(600_000);
  let project: Project;

  before(async () => {
    const { cluster } = parse(readFileSync(clusterFile, "utf8")) as { cluster: object };
    const { kubernetes, artifacts, registry_mirrors, images, preflight } = cluster as Record<
      string,
      object
    >;
    project = Project.ofExample("library", "two-clusters");
    project.install();
    await project.run("stack", "init", "dev");
    const site = { kubernetes, artifacts, registry_mirrors, images, preflight };
    await project.configure({ ...machines, site: JSON.stringify(site) });
    const key = readFileSync(join(root, ".lab/ssh/id_ed25519"), "utf8");
    await project.run("config", "set", "--secret", "installerKey", "--", key);
  });
  after(() => project.remove());

  it("makes both, with a key and addresses that other resources make", async () => {
    await project.run("up", ...unattended);
    for (const [cluster, address] of Object.entries(machines)) {
      const file = join(project.folder, `${cluster}.conf`);
      const output = await project.run("stack", "output", "--show-secrets", `${cluster}Kubeconfig`);
      writeFileSync(file, output.slice(output.indexOf("{")));
      const { items } = json<KubeNodes>(`kubectl --kubeconfig ${file} get nodes -o json`);
      assert.deepEqual(
        items.map(({ metadata, status: { addresses, conditions } }) => [
          metadata.name,
          addresses.find(({ type }) => type === "InternalIP")?.address,
          conditions.find(({ type }) => type === "Ready")?.status,
        ]),
        [[`${cluster}-01`, address, "True"]],
      );
    }
  });

  it("shows no changes afterwards", async () => {
    await project.run("preview", "--expect-no-changes");
  });

  it("keeps the key it made in no place in plain", () => {
    assert.doesNotMatch(project.state("two-clusters"), /PRIVATE KEY/);
  });

  it("leaves the machines when it is destroyed", async () => {
    await project.run("destroy", ...unattended);
    for (const node of ["master-01", "worker-01"])
      assert.notEqual(on(node, "systemctl is-active kubelet").status, 0, node);
  });
});
