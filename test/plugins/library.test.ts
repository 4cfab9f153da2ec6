import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { generateKeys, SshServer } from "./sshServer";
import { hasEngine, Project, repo } from "./project";

const file = parse(readFileSync(join(repo, "test/graph/clusters/small.yaml"), "utf8")) as {
  readonly cluster: { readonly kubernetes: object; readonly artifacts: object };
};
const { kubernetes, artifacts } = file.cluster;
const [first, second] = [generateKeys().public.trim(), generateKeys().public.trim()];

/** A program in which a command on a server makes a machine, and a cluster of it and of one whose address is known. */
const small = `
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { Cluster } from "groundwork";

const config = new pulumi.Config();
const port = config.requireNumber("port");
const made = (name: string) => {
  const connection = { host: "127.0.0.1", port, password: "secret" };
  return new command.remote.Command(name, { connection, create: name, logging: "none" }).stdout;
};
const named = config.getBoolean("named") ? made("name") : "made";
const ssh = { host: "127.0.0.1", port };
new Cluster("prod", {
  cluster: { name: "prod", ssh: { agent: true }, ...config.requireObject<any>("site") },
  nodes: [
    { name: "plain", ip: "10.9.0.1", ssh, host_key: "${first}", roles: ["master"] },
    { name: named as string, ip: made("address"), host_key: "${second}", roles: ["worker"] },
  ],
  protect: false,
  former: { nodes: {} },
});
`;

const remoteProject = `
name: two-clusters
runtime: nodejs
plugins:
  providers: [{ name: groundwork, path: node_modules/groundwork }]
`;

/** The component of the Pulumi package, as an SDK that \`pulumi package add\` makes has it. */
const remote = `
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

class Cluster extends pulumi.ComponentResource {
  declare readonly kubeconfig: pulumi.Output<string>;
  declare readonly nodes: pulumi.Output<any>;
  constructor(name: string, args: pulumi.Inputs, opts: pulumi.ComponentResourceOptions = {}) {
    super("groundwork:index:Cluster", name, { kubeconfig: undefined, ...args }, opts, true);
  }
}
const config = new pulumi.Config();
const ssh = { host: "127.0.0.1", port: config.requireNumber("port") };
const connection = { ...ssh, password: "secret" };
const made = { connection, create: "address", logging: "none" } as const;
const { stdout } = new command.remote.Command("address", made);
export const { kubeconfig, nodes } = new Cluster("prod", {
  cluster: {
    name: config.getBoolean("named") ? stdout : "prod",
    ssh: { private_key: config.requireSecret("installerKey") },
    ...config.requireObject<any>("site"),
  },
  nodes: [{ name: "made", ip: stdout, ssh, host_key: config.require("hostKey"), roles: ["master"] }],
  protect: false,
  former: { nodes: {} },
});
`;

describe("Groundwork in another program, under the Pulumi engine", function () {
  this.timeout(600_000);
  let project: Project;
  let server: SshServer;

  before(async function () {
    if (!hasEngine()) return this.skip();
    project = Project.ofExample("library", "two-clusters");
    server = await SshServer.listen();
    project.install();
    await project.run("stack", "init", "dev");
    await project.configure({ east: "192.0.2.1", west: "192.0.2.2", hostKey: server.hostKey });
    const key = generateKeys();
    server.authorized.push(key.public);
    await project.run("config", "set", "--secret", "installerKey", "--", key.private);
    await project.configure({ site: JSON.stringify({ kubernetes, artifacts }) });
  });
  after(async () => {
    // There is none without an engine.
    if (!(project as Project | undefined)) return;
    await server.close();
    project.remove();
  });

  it("has types, by which the example is right", () => {
    const compiler = require.resolve("typescript/bin/tsc");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"];
    const resolution = ["--module", "commonjs", "--moduleResolution", "node"];
    execFileSync(process.execPath, [compiler, ...options, ...resolution, "index.ts"], {
      cwd: project.folder,
      encoding: "utf8",
    });
  });

  it("takes npm's installation of what it needs where it lies, as Pulumi has it before it asks a package", () => {
    const own = join(project.folder, "node_modules/groundwork");
    execFileSync("npm", ["run", "prepare"], { cwd: own, encoding: "utf8" });
  });

  it("shows two clusters of machines that are not there yet, every resource of them", async () => {
    const text = await project.run("preview", "--diff");
    for (const cluster of ["east", "west"])
      for (const step of ["preflight", "kubelet", "admit"])
        assert.match(text, new RegExp(`::${cluster}-${cluster}-01-${step}\\]`));
    assert.match(text, /ip +: \[unknown\]/);
    assert.doesNotMatch(text, /240(\.1\d\d){3}/);
  });

  it("is refused at preview by the argument's name where something else is not known", async () => {
    project.write("index.ts", small);
    await project.configure({ port: String(server.port), named: "true" });
    const text = await project.fail("preview");
    assert.match(
      text,
      /error: Cluster prod has one problem:\n\s+nodes\[1\]\.name: must be known at preview, and is an output/,
    );
    assert.doesNotMatch(text, /at new Cluster|node_modules/);
  });

  it("is refused before any machine is dialled when addresses become known that do not fit", async () => {
    await project.configure({ named: "false" });
    server.shell = () => "echo 10.9.0.1";
    assert.match(await project.run("preview"), /\+ \d+ to create/);
    const text = await project.fail("up", "--yes", "--skip-preview");
    assert.match(
      text,
      /error: Cluster prod has one problem:\n\s+nodes\[1\]\.ip: 10\.9\.0\.1 is already the address of nodes\[0\] \(plain\)/,
    );
    assert.deepEqual(server.log.commands, ["address"]);
    assert.equal(server.dialled, 1);
    assert.doesNotMatch(text, /error serializing|plan\.js/);
    await project.run("destroy", "--yes", "--skip-preview");
  });

  it("is a component of a Pulumi package, for programs in any language", async () => {
    project.write("Pulumi.yaml", remoteProject);
    project.write("index.ts", remote);
    const text = await project.run("preview", "--diff");
    assert.match(text, /::prod-made-kubelet\]/);
    assert.match(text, /kubeconfig: \[secret\]|kubeconfig: \[unknown\]/);
    assert.doesNotMatch(text, /240(\.1\d\d){3}/);
    // The hooks of its steps are called back, with the values that are known by then.
    server.shell = (command) => (command === "address" ? "echo 10.9.0.2" : "echo nonsense");
    const failed = await project.fail("up", "--yes", "--skip-preview");
    assert.match(
      failed,
      /made \(127\.0\.0\.1\) lets user root in, but does not run what it is given/,
    );
    await project.run("destroy", "--yes", "--skip-preview");
  });

  it("is refused by the argument's name where the package's component is given what is not known", async () => {
    await project.configure({ named: "true" });
    const text = await project.fail("preview");
    assert.match(text, /Cluster prod has one problem:\n\s+cluster\.name: must be known at preview/);
  });

  it("has a schema from which Pulumi makes SDKs", async () => {
    const text = await project.run("package", "get-schema", "./node_modules/groundwork");
    const schema = JSON.parse(text.slice(text.indexOf("{"))) as {
      resources: Record<string, { inputProperties: Record<string, { plain?: boolean }> }>;
      types: Record<string, { properties: Record<string, { plain?: boolean; secret?: boolean }> }>;
    };
    assert.deepEqual(Object.keys(schema.resources), ["groundwork:index:Cluster"]);
    const { ip, name } = schema.types["groundwork:index:Node"]?.properties ?? {};
    assert.deepEqual([ip?.plain, name?.plain], [undefined, true]);
  });
});
