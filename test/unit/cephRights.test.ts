import assert from "node:assert/strict";
import { type FileOnNode, filesOn } from "../graph/nodeFiles";
import { readProgram } from "../graph/program";
import { recordSample } from "../graph/samples";
import { named } from "../graph/select";

/** What each user of Ceph may do, and no more. */
const rights: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "mon.": { mon: "allow *" },
  "client.admin": { mds: "allow *", mgr: "allow *", mon: "allow *", osd: "allow *" },
  "client.bootstrap-osd": { mon: "allow profile bootstrap-osd" },
  "client.crash": { mgr: "profile crash", mon: "profile crash" },
  "client.kubernetes": {
    mgr: "profile rbd pool=kubernetes",
    mon: "profile rbd",
    osd: "profile rbd pool=kubernetes",
  },
  "mgr.node-01": { mds: "allow *", mon: "allow profile mgr", osd: "allow *" },
};

describe("a cluster of Ceph", function () {
  let texts: Readonly<Record<string, string>>;
  let files: Map<string, FileOnNode>;
  before(async () => {
    const { program } = named(await recordSample("single"), "ceph-genesis");
    texts = readProgram(program).texts;
    files = await filesOn("single", "node-01");
  });

  it("is born with users that may do what they need, and no more", () => {
    const users = (texts.initial_keyring ?? "").split(/^\[/m).slice(1);
    const found = users.map((text) => {
      const caps = [...text.matchAll(/^\tcaps (\w+) = "(.*)"$/gm)].map(([, of, may]) => [of, may]);
      return [text.split("]")[0], Object.fromEntries(caps) as object];
    });
    assert.deepEqual(Object.fromEntries(found), rights);
  });

  it("lets nobody in by an identity that is not proven, and speaks no old protocol", () => {
    assert.match(texts.settings ?? "", /^mon auth_allow_insecure_global_id_reclaim false$/m);
    assert.match(files.get("/etc/ceph/ceph.conf")?.content ?? "", /^ms_bind_msgr1 = false$/m);
  });

  it("runs its daemons as their user, and nothing as root by a name that this user can change", () => {
    for (const daemon of ["crash", "mon@", "mgr@", "osd@"]) {
      const path = `/etc/systemd/system/ceph-${daemon}.service.d/groundwork.conf`;
      const { content = "" } = files.get(path) ?? {};
      assert.match(content, /^User=ceph\nGroup=ceph$/m, path);
      for (const line of content.split("\n").filter((line) => /^Exec\w+=[+!]/.test(line)))
        assert.doesNotMatch(line, /\/(var\/lib|var\/log|run)\/ceph/, path);
    }
    for (const { path, owner } of files.values())
      if (owner !== "root:root") assert.match(path, /^\/etc\/(ceph|etcd)\//);
  });

  it("lets their user ask disks for their health as root, and takes back what the packages let it do", () => {
    const rules = [...files.keys()].filter((path) => path.startsWith("/etc/sudoers.d/"));
    const [path = ""] = rules;
    assert.equal(rules.length, 1);
    // Of two rules sudo takes the last, and reads the files by their names; the packages' own is dpkg's.
    assert.ok(path > "/etc/sudoers.d/ceph-smartctl", path);
    const { content = "", mode } = files.get(path) ?? {};
    assert.equal(mode, "0440");
    const [denial, ...allowed] = content.trimEnd().split("\n");
    assert.equal(denial, "ceph ALL=(ALL:ALL) !ALL");
    const disk = /^(sd(\[a-z\]){1,3}|nvme(\[0-9\]){1,3}n(\[0-9\]){1,2})$/;
    for (const rule of allowed) {
      const [, name = ""] = /^ceph ALL=NOPASSWD: (?:\S+ ){3}\/dev\/(\S+)$/.exec(rule) ?? [];
      assert.ok(rule.includes(": /usr/sbin/smartctl -x --json=o /dev/"), rule);
      // Nothing that matches a blank, and with it arguments of one's own; older versions know no regular expressions.
      assert.match(name, disk, rule);
    }
    assert.equal(allowed.length, 9);
  });

  it("keeps its daemons alive, but for those that it stops itself", () => {
    for (const daemon of ["mon", "mgr", "osd"]) {
      const path = `/etc/systemd/system/ceph-${daemon}@.service.d/groundwork.conf`;
      const { content = "" } = files.get(path) ?? {};
      assert.match(content, /^StartLimitIntervalSec=0$/m, path);
      assert.match(content, /^Restart=on-failure$/m, path);
      // The shortage of memory is for pods to feel first.
      if (daemon !== "mgr") assert.match(content, /^OOMScoreAdjust=-500$/m, path);
    }
  });
});
