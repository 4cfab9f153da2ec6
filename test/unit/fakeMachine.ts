import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join, relative } from "node:path";
import type { Graph } from "../graph/record";
import { named } from "../graph/select";

const fixtures = join(__dirname, "fixtures", "machine");

/** Programs of a machine that a test must not run, or that are not there: `fake` stands for each. */
const faked =
  `apt-get ceph-authtool ceph-bluestore-tool ceph-mon ceph-osd choom chown ctr dpkg-query etcdctl getent
  ifdown ifup netplan networkctl systemd-run
  df findmnt haproxy hostname id ip ip6tables-restore ip6tables-save iptables-restore iptables-save journalctl kubectl logger lsattr lsblk
  dmsetup lvcreate modprobe monmaptool nft nproc openssl pkill pvremove pvs python3 rbd renice setpriv ss swapoff swapon sync sysctl systemctl
  systemd-detect-virt umount uname useradd userdel vgchange vgcreate vgremove wipefs`.split(/\s+/);

/** What a program runs with in the end. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** How it called the programs that are faked, one line a call. */
  readonly calls: readonly string[];
}

/**
 * A folder in which a step's program finds everything it reads and writes, and programs in the place of those that would
 * change a machine. Bash, coreutils, jq and flock are the real ones.
 */
export class FakeMachine {
  readonly root = mkdtempSync(join(tmpdir(), "groundwork-machine-"));
  private readonly bin = join(this.root, "bin");

  constructor() {
    const folders = [
      "bin",
      "etc",
      "run",
      "var/lib",
      "state/units",
      "state/api",
      "sys/fs/cgroup",
      "usr/sbin",
    ];
    for (const folder of [...folders, "state/ceph"])
      mkdirSync(join(this.root, folder), { recursive: true });
    for (const name of faked) symlinkSync(join(fixtures, "fake"), join(this.bin, name));
    for (const name of ["ceph", "curl", "date", "stat"])
      symlinkSync(join(fixtures, name), join(this.bin, name));
    for (const path of [
      "state/users",
      "state/down",
      "etc/hosts",
      "etc/hostname",
      "proc/mounts",
      "proc/self/mountinfo",
    ])
      this.write(path, "");
    this.write("proc/uptime", "1000.00 1000.00\n");
    this.write("proc/meminfo", "MemTotal:        8388608 kB\n");
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
    chmodSync(join(this.root, path), mode);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), "utf8");
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  exists(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  /** The machine's lock, as the claim step writes it. */
  lock(clusterId: string, node: string): void {
    this.write(
      "var/lib/cluster-state/lock",
      `cluster_id=${clusterId}\ncluster_name=of ${clusterId}\nnode=${node}\nstack=a/b\nsince=2026-01-01\n`,
    );
  }

  /** Runs a program that reads `$1`; its paths and users become those of the test. */
  run(
    program: string,
    command: "create" | "delete" | "event" = "create",
    environment: Readonly<Record<string, string>> = {},
  ): Outcome {
    this.write("calls", "");
    const { status, stdout, stderr } = spawnSync("bash", ["-s", "--", command], {
      input: this.moved(program),
      encoding: "utf8",
      timeout: 120_000,
      env: { FAKE_ROOT: this.root, PATH: process.env.PATH, ...environment },
    });
    const calls = this.read("calls").split("\n").slice(0, -1);
    return { status, stdout: stdout.trimEnd(), stderr, calls };
  }

  /** Every file with mode, time of change and content, of what a step may change. */
  snapshot(): readonly string[] {
    const all = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        const { mode, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {
          mode: 0,
          mtimeMs: 0,
        };
        const line = `${relative(this.root, path)} ${(mode & 0o7777).toString(8)}`;
        if (entry.isDirectory()) return [line, ...all(path)];
        return [`${line} ${mtimeMs} ${entry.isFile() ? readFileSync(path, "utf8") : "link"}`];
      });
    return ["etc", "var", "usr", "state"]
      .map((folder) => join(this.root, folder))
      .filter((folder) => existsSync(folder))
      .flatMap(all);
  }

  private moved(program: string): string {
    const { uid, gid } = userInfo();
    const moved = program
      .replace(/^QUIET=1$/m, "")
      .replaceAll(
        /(?<![\w./}*])\/(boot|etc|lib\/modules|opt|proc|root|run|sys|usr\/(?:local|sbin)|var)(?=[/\s"']|$)/gm,
        `${this.root}/$1`,
      )
      .replaceAll(/\b(root:root|etcd:etcd|ceph:ceph)\b/g, `${uid}:${gid}`)
      .replaceAll(/-o (etcd|ceph|root) -g (etcd|ceph)/g, "")
      // What is above the machine is not the machine's.
      .replaceAll('[ -n "$folder" ]', `[ -n "\${folder#${this.root}}" ]`)
      .replaceAll(/\bPATH=\/\S+/g, `PATH=${this.bin}:/usr/bin:/bin`)
      .replaceAll("%U:%G", "%u:%g")
      .replaceAll("flock -w 300", "flock -w 1");
    assert.ok(
      moved.includes(`PATH=${this.bin}`),
      "the program would run the machine's own programs",
    );
    return moved;
  }
}

/** The program of a step, with some of its variables different. */
export function programOf(
  graph: Graph,
  step: string,
  vars: Readonly<Record<string, string>> = {},
): string {
  const program = named(graph, step).program;
  return Object.entries(vars).reduce((text, [name, value]) => {
    const line = new RegExp(`^${name}='[^']*'$`, "m");
    assert.match(text, line, `${step} has no ${name}`);
    return text.replace(line, `${name}='${value}'`);
  }, program);
}

/** A program with a part of it replaced, which must be there: else the test would try what it does not mean. */
export function replaced(program: string, part: string | RegExp, other: string): string {
  const result =
    typeof part === "string" ? program.replace(part, () => other) : program.replace(part, other);
  assert.notEqual(result, program, `the program has no ${part}`);
  return result;
}

/** Asserts that a step ended by saying what is wrong, as `parts` have it, and what to do. */
export function assertRefused({ status, stderr }: Outcome, ...parts: readonly RegExp[]): void {
  assert.equal(status, 1, `it goes on: ${stderr}`);
  for (const part of [...parts, /what to do: /]) assert.match(stderr, part);
}
