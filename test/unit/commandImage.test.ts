import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { execute } from "../../commands/command";
import { image } from "../../commands/image";
import { servicePath } from "../../config/artifacts";
import { imageProgram } from "../../steps/image";
import { packagesOf } from "../../steps/prepare";
import { readProgram } from "../graph/program";
import { recordSample } from "../graph/samples";
import type { Graph } from "../graph/record";
import { lineOf, planOf, privateKey, sampleFile, versionsAt, withValue } from "./clusterSample";
import { FakeMachine, replaced } from "./fakeMachine";
import { archiveOf, furnish, stepOf, take } from "./furnish";
import { written } from "./written";

describe("npm run image", () => {
  let folder: string;
  const path = (name: string) => join(folder, name);
  const into = () => path("out");
  const text = (name: string) => readFileSync(join(into(), name), "utf8");
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundwork-image-"));
    writeFileSync(path("cluster.yaml"), stringify(sampleFile()));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]) =>
    written("stdout", async () => {
      assert.equal(await execute(image, [into(), ...args, "--file", path("cluster.yaml")]), 0);
    });
  const fails = async (says: RegExp, ...args: string[]) => {
    let status = 0;
    const said = await written("stderr", async () => {
      status = await execute(image, [...args, "--file", path("cluster.yaml")]);
    });
    assert.equal(status, 2);
    assert.match(said, says);
  };

  it("writes a recipe for mkosi, one for containers, and the program that both run", async () => {
    await run();
    assert.deepEqual(readdirSync(into()).sort(), ["Containerfile", "image.chroot", "mkosi.conf"]);
    assert.equal(statSync(join(into(), "image.chroot")).mode & 0o777, 0o755);
    const plan = planOf(sampleFile());
    const worker = plan.nodes.find(({ name }) => name === "worker-01");
    assert.ok(worker);
    // What users of services have for a shell is in a package of its own.
    for (const name of [...packagesOf(worker, plan), "login", "openssh-server"]) {
      assert.match(text("mkosi.conf"), new RegExp(`^ {8}${name}$`, "m"));
      assert.match(text("Containerfile"), new RegExp(`^ {6}${name} \\\\$`, "m"));
    }
    assert.match(text("mkosi.conf"), /^Release=trixie$/m);
    assert.match(text("mkosi.conf"), /^PostInstallationScripts=image\.chroot$/m);
    const { status, stderr } = spawnSync("bash", ["-n", join(into(), "image.chroot")], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  });

  it("is of a system and of a role of the file", async () => {
    await run("--role", "master", "--system", "debian-12");
    assert.match(text("mkosi.conf"), /^Release=bookworm$/m);
    assert.match(text("image.chroot"), /bin\/linux\/amd64\/kube-apiserver/);
    // Of an earlier run nothing is left.
    await run();
    assert.doesNotMatch(text("image.chroot"), /bin\/linux\/amd64\/kube-apiserver/);
    await fails(
      /--role judge is not known; give one of master, worker, storage/,
      into(),
      ...["--role", "judge"],
    );
    await fails(
      /--system bsd is not known; give one of debian-12, debian-13/,
      into(),
      "--system",
      "bsd",
    );
    await fails(/has no node that is a storage/, into(), "--role", "storage");
    await fails(/FOLDER is missing/);
  });

  it("has nothing of one node in it, and no secret", async () => {
    const file = withValue(sampleFile(), ["cluster", "registries"], {
      "registry.example": { username: "puller", password_file: "password" },
    });
    writeFileSync(path("password"), "hidden\n");
    writeFileSync(path("cluster.yaml"), stringify(file));
    await run();
    const all = readdirSync(into()).map(text).join("\n");
    for (const { name, ip, hostname } of planOf(sampleFile()).nodes)
      for (const own of [name, ip, hostname]) assert.ok(!all.includes(own), own);
    assert.doesNotMatch(all, /hidden|PRIVATE KEY|ssh-ed25519 /);
  });

  it("is for machines of one architecture, and leaves others' files alone", async () => {
    const file = withValue(sampleFile(), ["nodes", 0, "roles"], ["master", "worker"]);
    const [, worker] = (file as { nodes: Record<string, unknown>[] }).nodes;
    const other = {
      ...worker,
      name: "worker-02",
      ip: "10.0.0.22",
      host_key: lineOf(privateKey()),
      architecture: "arm64",
    };
    writeFileSync(path("cluster.yaml"), stringify(withValue(file, ["nodes", 2], other)));
    await fails(/worker-01 is amd64 and worker-02 arm64: an image is for one of them/, into());
    writeFileSync(path("cluster.yaml"), stringify(sampleFile()));
    await run();
    writeFileSync(join(into(), "mkosi.postinst"), "");
    await fails(/has mkosi\.postinst, which is no part of this image/, into());
    await fails(/cannot be written: /, path("cluster.yaml"));
  });
});

describe("the program of an image", function () {
  this.timeout(60_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.close());

  const store = "usr/local/lib/groundwork/image";
  const keys = ["etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_rsa_key.pub"];

  /** Runs the program of an image like a node, for what that downloads in tests. */
  function build(name: string, folder = store) {
    const plan = planOf(sampleFile());
    const node = plan.nodes.find((node) => node.name === name);
    assert.ok(node);
    const { ARTIFACTS = "" } = readProgram(stepOf(small, name, "prepare")).variables;
    for (const line of ARTIFACTS.split("\n")) {
      const [sum, , ...installs] = line.split(" ");
      const members = installs.flatMap((install) => install.split("=")[1] ?? []);
      const content =
        members.length > 0 ? archiveOf(members) : (installs[0]?.split("/").at(-1) ?? "");
      machine.write(`${folder}/${sum}`, content);
    }
    const program = imageProgram(node, plan);
    return machine.run(replaced(program, /^ARTIFACTS='[^']*'$/m, `ARTIFACTS='${ARTIFACTS}'`));
  }

  for (const name of ["master-01", "worker-01"]) {
    it(`leaves prepare nothing to do on ${name}, but to start what starts with a machine`, () => {
      const { status, stdout, stderr, calls } = build(name);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /changed: \d+$/);
      assert.ok(!calls.some((call) => /^systemctl (start|restart|daemon-reload)/.test(call)));
      assert.ok(!machine.exists("var/lib/cluster-state"));
      assert.ok(!machine.exists("var/lib/groundwork/artifacts"));
      // Facts of the machine, and its first start.
      const config = machine.read("etc/containerd/config.toml");
      assert.match(config, /SystemdCgroup = true/);
      machine.write("state/cgroups", "cgroup2fs");
      take(machine, small, name);
      machine.remove("var/lib/groundwork/artifacts");
      for (const unit of ["containerd.service", "groundwork-metrics.timer"])
        machine.write(`state/units/${unit}.active`, "2100-01-01 00:00:00.000000 UTC\n");
      const settings = machine.run(stepOf(small, name, "prepare"));
      assert.equal(settings.status, 0, settings.stderr);
      const again = machine.run(stepOf(small, name, "prepare"));
      assert.equal(again.stdout, "unchanged", again.stderr);
      // What the kernel is told stands in a file that it reads when it starts, which is no file of this machine's.
      const changes = settings.stderr.split("\n").filter((line) => line.startsWith(`${name}: `));
      assert.deepEqual(
        changes.filter((line) => !/: set net\./.test(line)),
        [],
        settings.stderr,
      );
    });
  }

  it("forgets by what the machine it was made on is known", () => {
    for (const key of keys) machine.write(key, "key");
    machine.write("etc/hostname", "builder\n");
    machine.write("etc/machine-id", "0123\n");
    machine.write("var/lib/systemd/random-seed", "seed");
    const { status, stderr } = build("worker-01");
    assert.equal(status, 0, stderr);
    for (const path of [...keys, "etc/hostname", "var/lib/systemd/random-seed"])
      assert.ok(!machine.exists(path), path);
    assert.equal(machine.read("etc/machine-id"), "");
  });

  it("ends where it cannot get a program, and says which", () => {
    furnish(machine, small, "worker-01");
    const { status, stderr } = build("worker-01", "elsewhere");
    assert.equal(status, 1);
    assert.match(
      stderr,
      /image failed on image of a worker .*: could not download https:\S+kubelet/,
    );
    assert.ok(!machine.exists(servicePath("flanneld", versionsAt()).slice(1)));
  });
});
