import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { osdUuid } from "../../config/ceph";
import type { CephPlan } from "../../config/ceph";
import { cephConf, cephKey, cephKeyring, cephPools, cephSettings } from "../../steps/lib/ceph";
import {
  cephCrashFile,
  cephManagerFiles,
  cephPackages,
  cephUnitFile,
} from "../../steps/lib/cephDaemons";
import { sources } from "../../steps/program";
import { wholeProgram } from "../graph/deliveries";
import { type FileData, planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

const fsid = "5c2f6bb1-8d2c-4c46-9e1f-3d5b1e0a7f11";

/** The sample's three machines as a Ceph cluster: monitors everywhere, one disk each. */
function cephFile(): FileData {
  return [0, 1, 2].reduce(
    (file, i) =>
      withValue(
        withValue(file, ["nodes", i, "roles"], ["ceph-mon", "ceph-osd"]),
        ["nodes", i, "storage"],
        { devices: [{ path: `/dev/disk/by-id/ata-${i}` }] },
      ),
    withValue(sampleFile(), ["cluster", "artifacts"], {}),
  );
}

function cephOf(file: FileData): CephPlan {
  const { ceph } = planOf(file);
  assert.ok(ceph);
  return ceph;
}

describe("a key of Ceph", () => {
  it("has the layout ceph-authtool prints", () => {
    // Printed by `ceph-authtool --gen-print-key` of 18.2.7; bytes 2 to 9 are the time at which it was made.
    const printed = Buffer.from("AQC/TQFrkRufDRAABy6qQrM504VdUo6IUs8Ozw==", "base64");
    const made = Buffer.from(cephKey(printed.subarray(12).toString("base64")), "base64");
    assert.equal(made.length, printed.length);
    assert.deepEqual(made.subarray(0, 2), printed.subarray(0, 2));
    assert.deepEqual(made.subarray(2, 10), Buffer.alloc(8));
    assert.deepEqual(made.subarray(10), printed.subarray(10));
  });

  it("is made of 16 bytes and nothing else", () => {
    assert.throws(() => cephKey(Buffer.alloc(15).toString("base64")), /has 16 bytes, not 15/);
  });

  it("stands in a keyring as Ceph exports it", () => {
    const users = [{ entity: "client.a", key: "AQ==", caps: { mon: 'allow command "osd ls"' } }];
    assert.equal(
      cephKeyring(users),
      '[client.a]\n\tkey = AQ==\n\tcaps mon = "allow command \\"osd ls\\""\n',
    );
  });
});

describe("the plan of a Ceph cluster", () => {
  it("is not there without monitors", () => {
    assert.equal(planOf(sampleFile()).ceph, undefined);
  });

  it("has three copies, of which two must be there to write", () => {
    const { poolSize, poolMinSize, pools, osdHosts } = cephOf(cephFile());
    assert.deepEqual(
      { poolSize, poolMinSize, osdHosts },
      { poolSize: 3, poolMinSize: 2, osdHosts: 3 },
    );
    assert.deepEqual(pools, [
      { name: "kubernetes", application: "rbd", size: 3, sizeGiven: false, minSize: 2 },
    ]);
  });

  it("has no more copies than hosts", () => {
    const two = withValue(
      withValue(cephFile(), ["nodes", 2, "roles"], ["ceph-mon"]),
      ["nodes", 2, "storage"],
      undefined,
    );
    const { poolSize, poolMinSize } = cephOf(two);
    assert.deepEqual({ poolSize, poolMinSize }, { poolSize: 2, poolMinSize: 1 });
    // One host that is lost must be believed by the only other.
    assert.match(cephSettings(cephOf(two)), /^mon mon_osd_min_down_reporters 1$/m);
  });

  it("gives each device of each node a UUID of its own, always the same", () => {
    const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    fc.assert(
      fc.property(fc.uuid(), fc.string(), fc.string(), fc.string(), (id, node, a, b) => {
        assert.match(osdUuid(id, node, a), pattern);
        assert.equal(osdUuid(id, node, a), osdUuid(id, node, a));
        if (a !== b) assert.notEqual(osdUuid(id, node, a), osdUuid(id, node, b));
      }),
    );
  });

  it("knows the OSDs again that earlier releases made", () => {
    for (const [fsid, node, path, uuid] of [
      [
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "store-01",
        "/dev/sdb",
        "c74a54ec-4528-5032-9ee1-4a2f5b859ce4",
      ],
      [
        "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0",
        "worker-02",
        "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
        "71d55615-72db-586e-9b23-fc1a754ed765",
      ],
    ] as const)
      assert.equal(osdUuid(fsid, node, path), uuid);
  });

  const wrong: readonly [string, (file: FileData) => FileData, RegExp][] = [
    [
      "an OSD node without devices",
      (file) => withValue(file, ["nodes", 1, "storage"], undefined),
      /nodes\[1\]\.storage\.devices: is empty, and nodes\[1\] \(worker-01\) has the role ceph-osd/,
    ],
    [
      "devices on a node that stores nothing",
      (file) => withValue(file, ["nodes", 1, "roles"], ["ceph-mon"]),
      /nodes\[1\]\.storage\.devices: names devices, but .* does not have the role ceph-osd/,
    ],
    [
      "a device that is named twice",
      (file) =>
        withValue(file, ["nodes", 0, "storage", "devices", 1], { path: "/dev/disk/by-id/ata-0" }),
      /devices\[1\]\.path: \/dev\/disk\/by-id\/ata-0 is there twice/,
    ],
    [
      "more copies than hosts",
      (file) => withValue(file, ["cluster", "ceph"], { pool_size: 4 }),
      /cluster\.ceph\.pool_size: 4 copies need 4 nodes with the role ceph-osd, and there are 3/,
    ],
    [
      "OSDs without monitors",
      (file) =>
        [0, 1, 2].reduce((file, i) => withValue(file, ["nodes", i, "roles"], ["ceph-osd"]), file),
      /nodes: no node has the role ceph-mon/,
    ],
    [
      "a node outside the public network",
      (file) => withValue(file, ["cluster", "ceph"], { public_network: "10.9.0.0/24" }),
      /nodes\[0\]\.ip: 10\.0\.0\.11 is outside cluster\.ceph\.public_network, 10\.9\.0\.0\/24/,
    ],
    [
      "a file that a reboot takes away",
      (file) =>
        withValue(file, ["nodes", 0, "storage", "devices", 0], {
          path: "/tmp/disk",
          backend: "file",
        }),
      /\/tmp\/disk is no place for a file that must last/,
    ],
    [
      "a file in a folder of Ceph's daemons",
      (file) =>
        withValue(file, ["nodes", 0, "storage", "devices", 0], {
          path: "/var/lib/ceph/disk.img",
          backend: "file",
        }),
      /\/var\/lib\/ceph\/disk\.img lies in a folder of Ceph's daemons, .* give one below \/var\/lib\/osd\. If it is an OSD already, go back to the former release/,
    ],
    [
      "a pool with more copies than hosts",
      (file) => withValue(file, ["cluster", "ceph"], { pools: [{ name: "backup", size: 4 }] }),
      /pools\[0\]\.size: 4 copies need 4 nodes with the role ceph-osd, and there are 3/,
    ],
    [
      "to write only with more copies than there are",
      (file) => withValue(file, ["cluster", "ceph"], { pool_size: 2, pool_min_size: 3 }),
      /cluster\.ceph\.pool_min_size: 3 is more than the 2 copies there are/,
    ],
    [
      "OSDs that would starve",
      (file) => withValue(file, ["cluster", "ceph"], { osd_memory_target: 500000000 }),
      /cluster\.ceph\.osd_memory_target: 500000000 is too small; give at least 939524096 \(896 MiB\)/,
    ],
    [
      "an OSDs' network that is none",
      (file) => withValue(file, ["cluster", "ceph"], { cluster_network: "10.9.0.0" }),
      /cluster\.ceph\.cluster_network: /,
    ],
    [
      "the volumes' pool once more",
      (file) => withValue(file, ["cluster", "ceph"], { pools: [{ name: "kubernetes" }] }),
      /pools\[0\]\.name: kubernetes is there already/,
    ],
  ];
  for (const [what, spoil, message] of wrong) {
    it(`refuses ${what}`, () => {
      assert.match(problemsOf(spoil(cephFile())).join("\n"), message);
    });
  }
});

describe("what is written for Ceph", () => {
  it("names every monitor with protocol 2 alone, and the node's own address", () => {
    const plan = cephOf(cephFile());
    const [node] = plan.monitors;
    assert.ok(node);
    const conf = cephConf(plan, node, fsid);
    assert.match(conf, /^mon_host = \[v2:10\.0\.0\.11:3300\],\[v2:10\.0\.0\.21:3300\],\[v2:/m);
    assert.match(conf, /^public_addr = 10\.0\.0\.11$/m);
    assert.match(conf, /^ms_bind_msgr1 = false$/m);
    assert.match(conf, /^public_addrv = \[v2:10\.0\.0\.11:3300\]$/m);
  });

  it("gives the OSDs a network and memory of their own", () => {
    const fields = { cluster_network: "10.9.0.0/24", osd_memory_target: 8589934592 };
    const plan = cephOf(withValue(cephFile(), ["cluster", "ceph"], fields));
    for (const node of plan.monitors) {
      assert.match(cephConf(plan, node, fsid), /^cluster_network = 10\.9\.0\.0\/24$/m);
    }
    assert.match(cephSettings(plan), /^osd osd_memory_target 8589934592$/m);
  });

  it("starts no dashboard where the file wants none", () => {
    const told = (dashboard: boolean) => {
      const plan = cephOf(withValue(cephFile(), ["cluster", "ceph"], { dashboard }));
      const [node] = plan.monitors;
      assert.ok(node);
      return cephConf(plan, node, fsid) + cephSettings(plan);
    };
    assert.match(told(true), /^mgr_initial_modules = dashboard prometheus$/m);
    assert.match(told(true), /^mgr mgr\/dashboard\/crt_file /m);
    assert.match(told(false), /^mgr_initial_modules = prometheus$/m);
    assert.doesNotMatch(told(false).replaceAll(/^#.*$/gm, ""), /dashboard/);
  });

  it("lets the operator's options win", () => {
    const config = { osd: { osd_memory_target: 1073741824 }, mon: { mon_data_avail_warn: 15 } };
    const lines = cephSettings(cephOf(withValue(cephFile(), ["cluster", "ceph"], { config })));
    assert.match(lines, /^osd osd_memory_target 1073741824$/m);
    assert.doesNotMatch(lines, /4294967296/);
    assert.match(lines, /^mon mon_data_avail_warn 15$/m);
  });

  it("has options under Ceph's names, however ceph.conf would take them", () => {
    const ceph = (config: object) => withValue(cephFile(), ["cluster", "ceph"], { config });
    const config = {
      osd: { "osd pool default pg num": 128, "osd-max-backfills": 2 },
      mgr: { "mgr/dashboard/master-01/server_addr": "10.0.0.1", "mgr/dashboard/ssl": false },
    };
    const lines = cephSettings(cephOf(ceph(config)));
    assert.match(lines, /^osd osd_pool_default_pg_num 128$/m);
    assert.match(lines, /^osd osd_max_backfills 2$/m);
    assert.match(lines, /^mgr mgr\/dashboard\/master-01\/server_addr 10\.0\.0\.1$/m);
    assert.match(lines, /^mgr mgr\/dashboard\/ssl false$/m);
    const of = (options: object) => problemsOf(ceph({ osd: options })).join();
    const at = "cluster.ceph.config.osd";
    assert.equal(
      of({ osd_max_backfills: 1, "osd max backfills": 2 }),
      `${at}["osd max backfills"]: 2 is a second value of osd_max_backfills; give one`,
    );
    assert.match(of({ "osd_max_backfills = 2": 1 }), /is no name of an option; give one such as/);
    assert.equal(of({ a: null }), `${at}.a: is empty; give the value of the option`);
    assert.equal(of({ a: [1] }), `${at}.a: a list is not text; give the value of the option`);
    for (const value of ["", "a\nb c 1", "a # b", " a"])
      assert.match(of({ a: value }), /is no value of an option here; give one line/, value);
  });

  it("has one line for each pool", () => {
    const pools = [{ name: "backup", size: 2 }];
    const plan = cephOf(withValue(cephFile(), ["cluster", "ceph"], { pools }));
    assert.equal(
      cephPools(plan),
      "kubernetes rbd 3 2 derived\nbackup rbd 2 1 given\n.mgr mgr 3 2 derived",
    );
  });

  it("is found by managers that put it behind the system's modules", () => {
    const folder = join(__dirname, "../../steps/ceph-mon/ceph-mgr");
    const program = `
import sys
sys.path.sort(key=lambda folder: folder == ${JSON.stringify(folder)})
sys.path.insert(0, sys.argv[1])
import OpenSSL, bcrypt
print(OpenSSL.__file__, bcrypt.__file__)
certificate = open(sys.argv[2]).read()
for text in (certificate, certificate.encode()):
    print(OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM, text).has_expired())`;
    const system = mkdtempSync(join(tmpdir(), "groundwork-modules-"));
    for (const name of ["OpenSSL.py", "bcrypt.py"]) writeFileSync(join(system, name), "");
    const certificate = join(system, "certificate");
    spawnSync("openssl", [
      ..."req -x509 -newkey rsa:2048 -noenc -keyout /dev/null -subj /CN=test -out".split(" "),
      certificate,
    ]);
    const { stdout, stderr } = spawnSync("python3", ["-B", "-c", program, system, certificate], {
      encoding: "utf8",
      env: { PATH: process.env.PATH, PYTHONPATH: folder },
    });
    rmSync(system, { recursive: true });
    assert.equal(stdout, `${folder}/OpenSSL.py ${folder}/bcrypt.py\nFalse\nFalse\n`, stderr);
  });

  it("tells every daemon to take encrypted connections alone where the file says so", () => {
    for (const daemon of ["mon@", "mgr@", "osd@"] as const) {
      const [plain, secure] = (["crc", "secure"] as const).map((mode) => {
        const { content } = cephUnitFile(daemon, mode);
        return typeof content === "string" ? content : "";
      });
      assert.doesNotMatch(plain ?? "", /CEPH_ARGS/);
      const [, args = ""] = /^Environment="CEPH_ARGS=(.*)"$/m.exec(secure ?? "") ?? [];
      assert.deepEqual(
        args.split(" ").sort(),
        ["cluster", "service", "client"]
          .flatMap((kind) => [`--ms_${kind}_mode=secure`, `--ms_mon_${kind}_mode=secure`])
          .sort(),
      );
      assert.equal((secure ?? "").replace(/^Environment="CEPH_ARGS=.*\n/m, ""), plain);
    }
  });

  it("is readable by the daemons' users and complete", () => {
    const units = (["mon@", "mgr@", "osd@"] as const).map((daemon) => cephUnitFile(daemon, "crc"));
    const files = [cephCrashFile, ...units, ...cephManagerFiles()];
    assert.ok(files.every(({ mode }) => mode === "0644"));
    assert.deepEqual(
      cephManagerFiles().map(({ path }) => path.split("/").at(-1)),
      ["OpenSSL.py", "bcrypt.py", "sitecustomize.py"],
    );
    assert.deepEqual(cephPackages(["worker"]), []);
    assert.ok(cephPackages(["ceph-mon", "ceph-osd"]).includes("ceph-mgr-dashboard"));
  });

  for (const script of [...sources.keys()].filter((name) => /^ceph-.*(?<!-lib)\.sh$/.test(name))) {
    it(`${script} becomes a program that bash can read`, () => {
      const program = wholeProgram({
        script: script.replace(/\.sh$/, ""),
        variables: { NODE: "a", NODE_IP: "10.0.0.1", STEP: "test" },
        texts: { settings: "osd osd_memory_target 1\n" },
      });
      const { status, stderr } = spawnSync("bash", ["-n"], { input: program, encoding: "utf8" });
      assert.equal(status, 0, stderr);
    });
  }
});
