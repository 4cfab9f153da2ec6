import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { execute } from "../../commands/command";
import { preflight } from "../../commands/preflight";
import { generateKeys, SshServer } from "../plugins/sshServer";
import { sampleCluster } from "./clusterSample";

const keys = generateKeys();
const facts = {
  os: "debian 13",
  kernel: "6.12.0",
  architecture: "amd64",
  cpus: 4,
  memoryMiB: 8000,
  machineId: "0123456789abcdef".repeat(2),
  macAddress: "52:54:00:12:34:56",
  productUuid: "",
  cgroup: "v2",
};
const other = {
  ...facts,
  machineId: "fedcba9876543210".repeat(2),
  macAddress: "52:54:00:12:34:57",
};

describe("the command preflight", () => {
  let servers: SshServer[];
  let api: Server;
  let port: number;
  let folder: string;
  beforeEach(async () => {
    servers = [await SshServer.listen(), await SshServer.listen()];
    for (const server of servers) server.authorized.push(keys.public);
    api = createServer();
    await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
    ({ port } = api.address() as AddressInfo);
    folder = mkdtempSync(join(tmpdir(), "groundwork-preflight-"));
    writeFileSync(join(folder, "key"), keys.private, { mode: 0o600 });
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    api.close();
    await Promise.all(servers.map((server) => server.close()));
  });

  const answers = (...reports: readonly object[]) =>
    reports.forEach((report, i) => {
      const [server] = servers.slice(i);
      if (!server) return;
      const text = JSON.stringify({ taken: false, findings: [], facts, ...report });
      server.shell = () =>
        `cat >/dev/null; echo Welcome; printf '\\n%s\\n' 'groundwork-report: ${text}'`;
    });

  /** Runs the command, with what it prints. */
  async function run(
    args: readonly string[] = [],
    cluster: object = {},
    entries: readonly object[] = [],
  ) {
    const file = join(folder, "cluster.yaml");
    const nodes = servers.map(({ port, hostKey }, i) => ({
      name: `node-${i}`,
      ip: `10.0.0.1${i}`,
      roles: ["master"],
      host_key: hostKey,
      ssh: { host: "127.0.0.1", port },
      ...entries[i],
    }));
    const ssh = { private_key_file: "key" };
    const endpoint = `127.0.0.1:${port}`;
    writeFileSync(
      file,
      stringify({ cluster: { ...sampleCluster(), ssh, endpoint, ...cluster }, nodes }),
    );
    const said = { stdout: "", stderr: "" };
    const streams = ["stdout", "stderr"] as const;
    const writes = streams.map((stream) => process[stream].write.bind(process[stream]));
    for (const stream of streams)
      process[stream].write = (chunk: string | Uint8Array) => {
        said[stream] += String(chunk);
        return true;
      };
    try {
      return { status: await execute(preflight, ["--file", file, ...args]), ...said };
    } finally {
      streams.forEach(
        (stream, i) => (process[stream].write = writes[i] as typeof process.stdout.write),
      );
    }
  }

  it("says of machines that are fit that they are", async () => {
    answers({}, { facts: other, taken: true });
    const { status, stdout } = await run();
    assert.equal(
      stdout,
      "node-0 (127.0.0.1) is fit\nnode-1 (127.0.0.1) is fit, and is a node of this cluster\n",
    );
    assert.equal(status, 0);
    for (const { log } of servers)
      assert.match(log.programs.join(), /^CLUSTER_ID=''$(.|\n)*^ANSWER='json'$/m);
  });

  it("tells each finding with its remedy, and which may be accepted", async () => {
    const findings = [
      { name: "firewall", text: "ufw drops", remedy: "open it" },
      { name: "read-only", text: "/etc cannot be written to", remedy: "mount it writable" },
    ];
    answers({ findings }, { facts: other });
    const { status, stdout } = await run();
    assert.equal(
      stdout,
      `node-0 (127.0.0.1) is not fit
  - firewall: ufw drops
    remedy: open it
  - read-only: /etc cannot be written to
    remedy: mount it writable
node-1 (127.0.0.1) is fit

What is on purpose may be accepted: cluster.preflight.allow: [firewall]
`,
    );
    assert.equal(status, 1);
    const { nodes } = JSON.parse((await run(["--json"])).stdout) as {
      nodes: { findings: { acceptable: boolean }[] }[];
    };
    assert.deepEqual(
      nodes.map(({ findings }) => findings.map(({ acceptable }) => acceptable)),
      [[true, false], []],
    );
  });

  it("compares the machines, as an up does before it takes any", async () => {
    answers({}, { facts: { ...other, machineId: facts.machineId } });
    const { status, stdout } = await run();
    assert.match(
      stdout,
      /- machine-id: it has the same machine id \(\/etc\/machine-id\) as node-1 \(10\.0\.0\.11\): 0123/,
    );
    assert.equal(status, 1);
    assert.equal((await run([], { preflight: { allow: ["machine-id"] } })).status, 0);
  });

  it("examines the nodes that are named, and knows no others", async () => {
    answers({}, {});
    const { status, stdout } = await run(["node-1"]);
    assert.equal(stdout, "node-1 (127.0.0.1) is fit\n");
    assert.equal(status, 0);
    assert.equal(servers[0]?.dialled, 0);
    const wrong = await run(["node-7"]);
    assert.match(wrong.stderr, /^node-7: no such node in the file, which has node-0, node-1\n$/);
    assert.equal(wrong.status, 2);
  });

  it("ends with 2 where one could not be examined, and says why", async () => {
    answers({});
    if (servers[1]) servers[1].shell = () => "cat >/dev/null; echo closed; exit 0";
    const { status, stdout } = await run();
    assert.match(stdout, /^node-0 .* is fit$/m);
    assert.match(
      stdout,
      /^node-1 \(127\.0\.0\.1\) could not be examined\n {2}it printed "closed"/m,
    );
    assert.equal(status, 2);
  });

  it("tells of one that does not answer yet that an up gives it its network first", async () => {
    answers({});
    const card = "52:54:00:12:34:56";
    const interfaces = [{ mac_addresses: [card], addresses: ["10.0.0.11/24"] }];
    const ssh = { host: "127.0.0.1", port: 1 };
    const entry = { ssh, bootstrap_address: "192.0.2.7", interfaces };
    const { status, stdout } = await run([], {}, [{}, entry]);
    assert.match(
      stdout,
      /^ {2}node-1 .* nobody listens .* It has no network of the file yet, and may answer at 192\.0\.2\.7: 'pulumi up' gives it that first, and examines it then\.$/m,
    );
    assert.equal(status, 2);
  });

  it("minds no endpoint that refuses, and tells of a name that leads nowhere", async () => {
    answers({}, { facts: other });
    await new Promise((resolve) => api.close(resolve));
    assert.equal((await run()).status, 0);
    const { status, stdout } = await run([], { endpoint: "no-such-host.invalid" });
    assert.match(
      stdout,
      /this machine is not fit\n {2}- endpoint: the API's endpoint https:\/\/no-such-host\.invalid:6443 is not reached from this machine/,
    );
    assert.equal(status, 1);
    const allowed = { endpoint: "no-such-host.invalid", preflight: { allow: ["endpoint"] } };
    assert.equal((await run([], allowed)).status, 0);
  });
});
