import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { asked, commandsOf, settingsOf, startedBy } from "./commands";

/** What nodes ask of their distribution, and which were found to lack it, by lab/flags.sh. */
const found = new Map(
  readFileSync(join(__dirname, "fixtures/flags.tsv"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [what = "", lacking = ""] = line.split("\t");
      return [what, lacking.split(" ")] as const;
    }),
);
const lackedBy = (system: string) =>
  [...found].filter(([, lacking]) => lacking.includes(system)).map(([what]) => what);

/**
 * Ubuntu 22.04 and 24.04 have versions between those of Debian 11 and sid, and of Ceph between those of Debian 12 and sid: what
 * all of these have they have. Of the rest it was read that they have it: since which version, and which Ubuntu 22.04 has.
 */
const read: Readonly<Record<string, string>> = {
  "curl --fail-with-body": "since 7.76.0; Ubuntu 22.04 has 7.81.0",
  "curl --write-out %{urlnum}": "since 7.75.0; Ubuntu 22.04 has 7.81.0",
  "unit Service.CPUAccounting":
    "lost by versions after 257, which Debian 13 has; Ubuntu 24.04 has 255",
  "lsblk --output MOUNTPOINTS": "since util-linux 2.37; Ubuntu 22.04 has 2.37.2",
};

describe("what nodes ask of their distribution", () => {
  it("was asked of real ones; else run lab/flags.sh", () => {
    assert.deepEqual(asked(), [...found.keys()].sort());
  });

  for (const system of ["debian-12", "debian-13"])
    it(`is had by ${system}`, () => assert.deepEqual(lackedBy(system), []));

  it("is had by Ubuntu 22.04 and 24.04, which was not tried but read", () => {
    const older = lackedBy("debian-11").filter(
      (what) => !/^(package |command )?(ceph|monmaptool|rbd)/.test(what),
    );
    const unsure = [...older, ...lackedBy("debian-sid")].sort();
    assert.deepEqual(unsure, Object.keys(read).sort());
  });

  for (const [script, ...wanted] of [
    ["curl --fail --output /dev/null $url", "command curl", "curl --fail", "curl --output"],
    [
      'x=$(timeout 3 curl --head "$1" | cut -d: -f1)',
      "command curl",
      "command cut",
      "command timeout",
      "curl --head",
    ],
    ['CURL=(curl --silent)\n"${CURL[@]}" --fail', "command curl", "curl --fail", "curl --silent"],
    ['f() { curl --silent "$@"; }\nf --fail', "command curl", "curl --fail", "curl --silent"],
    [
      "find / -name x -exec rm --force {} +",
      "command find",
      "command rm",
      "find -exec",
      "find -name",
      "rm --force",
    ],
    ["command -v curl >/dev/null || wget --quiet $url", "command wget", "wget --quiet"],
    [
      "openssl x509 -noout -dateopt iso_8601",
      "command openssl",
      "openssl x509 -dateopt",
      "openssl x509 -noout",
    ],
    [
      "lsblk --output NAME,MOUNTPOINTS",
      "command lsblk",
      "lsblk --output MOUNTPOINTS",
      "lsblk --output NAME",
    ],
    [
      "wait_for() { :; }\nwait_for 9 'not so' '' cmp --quiet -- a --b",
      "cmp --quiet",
      "command cmp",
    ],
    [
      "setpriv --reuid=ceph bash -c 'truncate --size 1 \"$1\"'",
      "command bash",
      "command setpriv",
      "command truncate",
      "setpriv --reuid",
      "truncate --size",
    ],
    [
      'ceph_says() { "$@"; }\nceph_do() { ceph_says ceph --connect-timeout 9 "$@"; }\nceph_do osd pool create "$n" 32 --size "$s" --format json',
      "ceph osd pool create * 32 --size *",
      "command ceph",
    ],
    [
      'ask_as() { python3 -c "" "$@"; }\nceph_ask() { ceph_says ask_as admin 9 "$@"; }\nceph_ask "osd pool create" pool="$n" size:=3 yes_i_really_mean_it:=true format=plain -',
      "ceph osd pool create --pool * --size 3 --yes-i-really-mean-it",
      "command python3",
    ],
  ] as const)
    it(`has of ${script} all that a program must know`, () => {
      assert.deepEqual(commandsOf(script), wanted);
    });

  it("has of a unit its settings", () => {
    assert.deepEqual(settingsOf("[Unit]\nAfter=a\n[Service]\n# Type=x\nType=exec\n"), [
      "unit Unit.After",
      "unit Service.Type",
    ]);
  });

  it("has of a unit what it starts of the distribution's", () => {
    const unit =
      "ExecStartPre=-/usr/bin/nsenter --target 1 \\\n  --mount x\nExecStart=/usr/local/bin/kubelet --v=1\n";
    assert.deepEqual(commandsOf(...startedBy(unit)), [
      "command nsenter",
      "nsenter --mount",
      "nsenter --target",
    ]);
  });
});
