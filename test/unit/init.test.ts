import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import type { ClusterFile } from "../../config/schema";
import { kubernetesMinors, newestKubernetes } from "../../config/versions";
import { findChecksums } from "../../init/checksums";
import { judgeKnown } from "../../init/knownHosts";
import { fingerprint, parseLogin } from "../../init/login";
import { facts, type Machine } from "../../init/machine";
import { propose } from "../../init/propose";
import { judge, renderFile } from "../../init/render";
import { withSite } from "../../init/site";
import { readReport } from "../../ssh/report";
import { FakeMachine, replaced } from "./fakeMachine";
import { disk, machineOf, machines } from "./initSample";

const settings = { name: "prod", privateKeyFile: undefined, bastion: undefined, schema: undefined };

/** The file for these machines, which has to be right as it is. */
function fileFor(all: readonly Machine[], network?: string): { text: string; file: ClusterFile } {
  const text = renderFile(propose(all, network), settings);
  const { file, issues } = judge(text, "/");
  assert.deepEqual(issues, [], text);
  assert.ok(file);
  return { text, file };
}

const rolesFor = (all: readonly Machine[]) =>
  fileFor(all).file.nodes.map(({ roles }) => roles.join(" "));

describe("the first file", () => {
  for (const [count, roles] of [
    [1, ["master worker"]],
    [2, ["master worker", "worker"]],
    [3, ["master worker", "master worker", "master worker"]],
    [4, ["master worker", "master worker", "master worker", "worker"]],
    [5, ["master", "master", "master", "worker", "worker"]],
    [7, ["master", "master", "master", "worker", "worker", "worker", "worker"]],
  ] as const) {
    it(`gives ${count} machines their roles`, () => {
      assert.deepEqual(rolesFor(machines(count)), roles);
    });
  }

  it("has Ceph where there are blank disks, with a monitor on each master", () => {
    const { file, text } = fileFor(
      machines(5, (n) => (n > 13 ? { disks: [disk("sdb"), disk("sdc", { holds: "xfs" })] } : {})),
    );
    assert.deepEqual(
      file.nodes.map(({ roles }) => roles.join(" ")),
      [
        "master ceph-mon",
        "master ceph-mon",
        "master ceph-mon",
        "worker ceph-osd",
        "worker ceph-osd",
      ],
    );
    assert.deepEqual(
      file.nodes.map(({ storage }) => storage.devices.map(({ path, wipe }) => ({ path, wipe }))),
      [
        [],
        [],
        [],
        ...[1, 2].map(() => [{ path: "/dev/disk/by-id/wwn-0x5002538esdb", wipe: false }]),
      ],
    );
    assert.match(
      text,
      /# Not taken: \S+wwn-0x5002538esdc {2}# sdc, 480 GB, SAMSUNG \S+, holds xfs\n/,
    );
    assert.match(text, /# 2 blank disks on 2 machines: everything is stored 2 times,/);
  });

  for (const [what, different] of [
    ["can be pulled out", { removable: true }],
    ["cannot be written", { readOnly: true }],
    ["is too small", { bytes: 4e9 }],
    ["is not blank", { holds: "data of unknown kind" }],
  ] as const) {
    it(`takes no disk that ${what}`, () => {
      const all = machines(1, () => ({ disks: [disk("sdb", different)] }));
      assert.deepEqual(rolesFor(all), ["master worker"]);
    });
  }

  it("gives OSDs no more memory than the smallest machine has for them", () => {
    const disks = [disk("sdb"), disk("sdc")];
    const memory = (memoryMiB: number) =>
      fileFor(machines(5, (n) => (n > 13 ? { disks, memoryMiB } : {}))).file.cluster.ceph
        .osd_memory_target;
    assert.equal(memory(32000), 4294967296);
    assert.equal(memory(8192), 3072 * 2 ** 20);
    assert.equal(memory(2048), 939524096);
  });

  it("makes no master of a machine that is too small, where there are others", () => {
    const all = machines(5, (n) => (n === 11 ? { cpus: 1 } : n === 12 ? { memoryMiB: 1024 } : {}));
    assert.deepEqual(rolesFor(all), ["worker", "worker", "master", "master", "master"]);
    assert.match(fileFor(all.slice(0, 1)).text, /NOTE: a master needs 2 CPUs .* it has 1 and/);
  });

  it("calls machines as they call themselves, and otherwise by what they are", () => {
    const names = (...own: string[]) =>
      fileFor(machines(own.length, (n) => ({ hostname: own[n - 11] }))).file.nodes.map(
        ({ name, hostname }) => (hostname === undefined ? name : `${name}=${hostname}`),
      );
    assert.deepEqual(names("Alpha", "beta.example.org", "debian", "debian", "localhost"), [
      "alpha",
      "beta=beta.example.org",
      "master-01",
      "worker-01",
      "worker-02",
    ]);
    assert.deepEqual(names("worker-01", "a".repeat(53)), ["worker-01", "worker-02"]);
  });

  const two = (n: number) => ({
    interfaces: [
      { ifname: "eth0", addr_info: [{ local: `198.51.100.${n}`, prefixlen: 24 }] },
      { ifname: "eth1", addr_info: [{ local: `192.168.7.${n}`, prefixlen: 24 }] },
    ],
    macs: { eth0: `02:00:00:00:00:${n}`, eth1: `02:00:00:00:01:${n}` },
  });
  const publicly = [11, 12, 13].map((n) =>
    machineOf(n, { host: `198.51.100.${n}`, facts: two(n) }),
  );

  it("takes the private network that all machines share, and dials the public address", () => {
    const [node] = fileFor(publicly).file.nodes;
    assert.equal(node?.ip, "192.168.7.11");
    assert.equal(node.ssh.host, "198.51.100.11");
    assert.deepEqual(node.hardware.mac_addresses, ["02:00:00:00:01:11"]);
  });

  it("takes the network that the operator names", () => {
    const [node] = fileFor(publicly, "198.51.100.0/24").file.nodes;
    assert.equal(node?.ip, "198.51.100.11");
    assert.equal(node.ssh.host, undefined);
  });

  it("takes the machine's way out where it was dialled by a name", () => {
    const { file, text } = fileFor([
      machineOf(11, { host: "alpha.example.org", user: "deploy", port: 2222 }),
    ]);
    assert.equal(file.nodes[0]?.ip, "10.0.0.11");
    assert.equal(file.nodes[0].ssh.host, "alpha.example.org");
    assert.deepEqual([file.cluster.ssh.user, file.cluster.ssh.port], ["deploy", 2222]);
    assert.match(text, /ip: 10\.0\.0\.11 {2}# eno1\n/);
  });

  it("puts pods and Services where none of the machines reaches anything", () => {
    const routes = [
      { dst: "10.244.3.0/24", dev: "eno1" },
      { dst: "10.96.0.9", dev: "eno1" },
    ];
    const { networking } = fileFor(machines(1, () => ({ routes }))).file.cluster;
    assert.deepEqual(
      [networking.pod_cidr, networking.service_cidr],
      ["172.20.0.0/16", "172.21.0.0/16"],
    );
  });

  it("leaves out a hardware address that several machines have", () => {
    const { file } = fileFor(machines(2, () => ({ macs: { eno1: "02:00:00:00:00:01" } })));
    assert.deepEqual(
      file.nodes.map(({ hardware }) => hardware.mac_addresses),
      [[], []],
    );
  });

  it("says what speaks against a machine", () => {
    const { text } = fileFor(
      machines(1, () => ({ cluster: "other", system: "fedora 43", os: "Fedora Linux 43" })),
    );
    assert.match(text, /# NOTE: it belongs to the cluster other, which has to give it up first\n/);
    assert.match(text, /# NOTE: Fedora Linux 43 is not supported; supported are Debian 12/);
  });

  it("holds nothing that a machine could smuggle in with its name, or a disk's", () => {
    const hostname = "evil: [}, # x";
    const model = "x # y: *z";
    const { file } = fileFor(
      machines(1, () => ({ hostname, os: model, disks: [disk("sdb", { model })] })),
    );
    assert.equal(file.nodes[0]?.name, "master-01");
    assert.equal(file.nodes[0].storage.devices.length, 1);
  });

  it("has the newest Kubernetes that this release sets up", () => {
    assert.equal(newestKubernetes.split(".").slice(0, 2).join("."), kubernetesMinors.at(-1));
  });
});

describe("the settings of a site", () => {
  const written = (ssh: object, withKey?: string) => {
    const bastion = { host: "10.0.0.1", port: 2222, user: "jump", hostKey: "ssh-ed25519 AAAA" };
    const text = renderFile(propose(machines(1)), {
      ...settings,
      bastion,
      privateKeyFile: withKey,
    });
    const { cluster } = parse(withSite(text, { ssh })) as { cluster: { ssh: object } };
    return Object.fromEntries(
      Object.entries(cluster.ssh).filter(([name]) => /^(agent|private|bastion)/.test(name)),
    );
  };
  const bastion = { host: "10.0.0.9", host_key: "ssh-ed25519 BBBB" };

  it("exclude what init wrote of itself: its own way to keys, and of its jump host every part", () => {
    const key = { private_key_file: "/keys/site" };
    assert.deepEqual(written({ ...key, bastion }), { ...key, bastion });
    assert.deepEqual(written({ agent: true, bastion }, "id"), { agent: true, bastion });
    assert.deepEqual(written({ bastion }, "id"), { private_key_file: "id", bastion });
  });
});

describe("checksums that the release does not know", () => {
  const etcd = "github.com/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-linux-amd64.tar.gz";
  const sum = "a".repeat(64);
  const digest = () => Promise.resolve(null);
  const says = (text: string) => ({ digest, text: () => Promise.resolve(text) });

  it("come from the publishers, into the file", async () => {
    const checksums = await findChecksums(
      [etcd],
      says(`${sum}  etcd-v3.6.16-linux-amd64.tar.gz\n`),
    );
    assert.deepEqual(checksums, { [etcd]: sum });
    const text = renderFile(propose(machines(1)), { ...settings, checksums });
    assert.ok(!judge(text, "/").unverified.includes(etcd), text);
    assert.match(text, /# As their publishers say;/);
  });

  it("are left to later where one publisher does not answer, or says something else", async () => {
    const silent = { digest, text: () => Promise.reject(new Error("ENOTFOUND")) };
    assert.equal(await findChecksums([etcd], silent), undefined);
    assert.equal(await findChecksums([etcd], says("<html>")), undefined);
    assert.deepEqual(await findChecksums([], silent), {});
  });
});

describe("a machine to log in to", () => {
  it("is a user, a host and a port", () => {
    assert.deepEqual(parseLogin("10.0.0.1"), { user: "root", host: "10.0.0.1", port: 22 });
    assert.deepEqual(parseLogin("deploy@a.example.org:2222"), {
      user: "deploy",
      host: "a.example.org",
      port: 2222,
    });
  });
  for (const [text, told] of [
    [
      "10.0.0.300",
      /^"10\.0\.0\.300" is no machine to log in to: .* is neither an IPv4 address nor a host name;.* such as root@10\.0\.0\.11$/,
    ],
    ["A B@10.0.0.1", /: "A B" is not a user name;/],
    ["10.0.0.1:99999", /: "99999" is not a TCP port;/],
    ["root@", /: "" is neither/],
  ] as const) {
    it(`is not ${text}`, () => assert.throws(() => parseLogin(text), { message: told }));
  }
});

describe("the networks of a machine", () => {
  const says = (changes: object) => facts.safeParse({ ...machineOf(11).facts, ...changes });
  const at = (prefixlen: number) => ({
    interfaces: [{ ifname: "eno1", addr_info: [{ local: "10.0.0.11", prefixlen }] }],
  });

  it("have lengths that there are", () => {
    for (const prefixlen of [-1, 8.5, 33, 99])
      assert.ok(!says(at(prefixlen)).success, String(prefixlen));
    assert.ok(says(at(0)).success && says(at(32)).success);
  });

  it("are passed over where they are none, and known to be in use where they are", () => {
    const { networking } = propose(machines(1));
    for (const dst of ["1/2/3", "10.0.0.0/99", "1.2", "999.0.0.0/8", "...", "/"])
      assert.deepEqual(propose(machines(1, () => ({ routes: [{ dst }] }))).networking, networking);
    for (const dst of ["10.244.0.0/16", "10.244.3.7"])
      assert.equal(
        propose(machines(1, () => ({ routes: [{ dst }] }))).networking.pod_cidr,
        "172.20.0.0/16",
      );
  });
});

describe("a host key", () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-keys-"));
  after(() => rmSync(folder, { recursive: true }));
  const key = machineOf(11).hostKey;

  it("has the fingerprint that ssh-keygen prints", () => {
    const path = join(folder, "key.pub");
    writeFileSync(path, `${key}\n`);
    const { stdout } = spawnSync("ssh-keygen", ["-lf", path], { encoding: "utf8" });
    assert.equal(stdout.split(" ")[1], fingerprint(key));
  });

  it("is looked up in known_hosts as ssh does, hashed names too", () => {
    const path = join(folder, "known_hosts");
    writeFileSync(path, `alpha,10.0.0.11 ${key}\n[10.0.0.12]:2222 ${key} comment\n`);
    const plain = readFileSync(path, "utf8");
    spawnSync("ssh-keygen", ["-Hf", path]);
    const hashed = readFileSync(path, "utf8");
    assert.doesNotMatch(hashed, /10\.0\.0/);
    const other = machineOf(12).hostKey;
    for (const known of [plain, hashed]) {
      const judge = (host: string, port: number, shown = key) =>
        judgeKnown(known, { host, port }, shown);
      assert.equal(judge("10.0.0.11", 22), "known");
      assert.equal(judge("10.0.0.12", 2222), "known");
      assert.equal(judge("10.0.0.12", 22), "unknown");
      assert.equal(judge("10.0.0.11", 22, other), "another");
      // Who stands between has a key of each kind, and shows the kind that nobody knows.
      assert.equal(judge("10.0.0.11", 22, "ecdsa-sha2-nistp256 AAAA"), "another");
    }
  });

  it("is another where it was revoked, whatever else is known of the machine", () => {
    const place = { host: "10.0.0.11", port: 22 };
    const judge = (...lines: string[]) => judgeKnown(lines.join("\n"), place, key);
    for (const names of ["10.0.0.11", "*", "10.0.0.1?,!10.0.0.12"])
      assert.equal(judge(`10.0.0.11 ${key}`, `@revoked ${names} ${key}`), "another");
    assert.equal(judge(`@revoked 10.0.0.12 ${key}`), "unknown");
    assert.equal(judge(`10.0.0.11 ${key}`, "@revoked 10.0.0.11 ssh-ed25519 AAAA"), "known");
    assert.equal(judge("@cert-authority * ssh-ed25519 AAAA"), "unknown");
  });
});

describe("what a machine is asked for a first file", () => {
  const script = readFileSync(join(__dirname, "../../init/inspect.sh"), "utf8");
  let machine: FakeMachine;
  beforeEach(() => (machine = new FakeMachine()));
  afterEach(() => machine.close());

  /** What it says with these disks, as `lsblk` lists them. */
  const ask = (programs: Readonly<Record<string, string>>) => {
    machine.write("etc/os-release", 'ID=debian\nVERSION_ID=13\nPRETTY_NAME="Debian \\"x\\""\n');
    machine.write("proc/meminfo", "MemTotal:       16374000 kB\n");
    machine.write("proc/sys/kernel/hostname", "alpha\n");
    machine.write("sys/class/net/eno1/address", "52:54:00:00:00:11\n");
    for (const [name, does] of Object.entries({
      nproc: "echo 4",
      uname: "echo x86_64",
      ...programs,
    })) {
      machine.remove(`bin/${name}`);
      machine.write(`bin/${name}`, `#!/bin/bash\n${does}\n`, 0o755);
    }
    const here = replaced(script, '[ -b "', '[ -e "').replaceAll(
      /\/dev\/(?!null|zero)/g,
      `${machine.root}/dev/`,
    );
    const { stdout, stderr } = machine.run(here);
    return readReport(stdout || stderr, facts);
  };

  it("has no disk of what is memory, or lies on other machines or disks", () => {
    const others =
      "zram0 ram0 nbd0 fd0 zd0 zd16 rbd0 drbd1 bcache0 nullb0 mtdblock0 ublkb0 mmcblk0boot0 mmcblk0rpmb";
    const disks = "sda sdaa hda vda xvda nvme0n1 mmcblk0 dasda pmem0";
    const names = `${others} ${disks}`.split(" ");
    for (const name of names) machine.write(`dev/${name}`, "\0");
    machine.write("dev/disk/by-id/.keep", "");
    const listed = names.map((name) => `'${name} disk 100 0 0'`).join(" ");
    const report = ask({
      ip: "echo '[]'",
      lsblk: `case "$*" in *TYPE,SIZE*) printf '%s\\n' ${listed} ;; esac`,
      wipefs: "exit 0",
    });
    assert.deepEqual(
      report.disks.map(({ name }) => name),
      disks.split(" "),
    );
  });

  it("is its system, addresses and disks, with what these hold", () => {
    for (const name of ["sda", "sdb", "sdc", "sdd"])
      machine.write(`dev/${name}`, "\0".repeat(1 << 20));
    machine.write("dev/sdd", "some data");
    machine.write("sys/class/block/sdc/holders/dm-0", "");
    machine.write("dev/disk/by-id/.keep", "");
    spawnSync("ln", [
      "-s",
      join(machine.root, "dev/sdb"),
      join(machine.root, "dev/disk/by-id/wwn-1"),
    ]);
    const report = ask({
      ip: `case "$*" in
  *addr*) echo '[{"ifname":"eno1","addr_info":[{"local":"10.0.0.11","prefixlen":24,"x":1}]}]' ;;
  *) echo '[{"dst":"default","dev":"eno1"}]' ;;
esac`,
      lsblk: `case "$*" in
  *TYPE,SIZE*) printf '%s\\n' 'sda disk 100 0 0' 'sdb disk 200 1 1' 'sdc disk 1 0 0' 'sdd disk 2 0 0' 'sr0 rom 5 1 0' 'zram0 disk 5 0 0' 'gone disk 5 0 0' ;;
  *MODEL*/sda) echo 'A "B"   ' ;;
  *MODEL*) echo ;;
  *sda) printf '%s\\n' 'sda disk  ' 'sda1 part ext4 /\\x0a/srv' 'sda2 part swap [SWAP]' 'sda3 part  ' ;;
  *) echo "\${!#} disk  " | sed 's|.*/||' ;;
esac`,
      wipefs: "exit 0",
    });
    assert.deepEqual(report, {
      hostname: "alpha",
      os: 'Debian "x"',
      system: "debian 13",
      architecture: "x86_64",
      cpus: 4,
      memoryMiB: 15990,
      cluster: "",
      interfaces: [{ ifname: "eno1", addr_info: [{ local: "10.0.0.11", prefixlen: 24 }] }],
      macs: { eno1: "52:54:00:00:00:11" },
      routes: [{ dst: "default", dev: "eno1" }],
      disks: [
        {
          name: "sda",
          bytes: 100,
          removable: false,
          readOnly: false,
          model: 'A "B"',
          holds: "sda1 ext4 at / /srv, sda2 swap at [SWAP], sda3 part",
          ids: [],
        },
        {
          name: "sdb",
          bytes: 200,
          removable: true,
          readOnly: true,
          model: "",
          holds: "",
          ids: [`${machine.root}/dev/disk/by-id/wwn-1`],
        },
        {
          name: "sdc",
          bytes: 1,
          removable: false,
          readOnly: false,
          model: "",
          holds: "part of dm-0",
          ids: [],
        },
        {
          name: "sdd",
          bytes: 2,
          removable: false,
          readOnly: false,
          model: "",
          holds: "data of unknown kind",
          ids: [],
        },
      ],
    });
  });

  it("names the cluster that has it", () => {
    machine.lock("uuid", "master-01");
    assert.equal(ask({ ip: "echo '[]'", lsblk: "true" }).cluster, "of uuid");
  });
});
