import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { sources } from "../../steps/program";

/** Steps that take nothing and wait for nobody, those that look at the lock in their own way, and what is run where no machine is. */
const withoutClaim = ["claim", "image", "lost", "network", "preflight", "reset"];
/** Steps that only look. */
const withoutTurn = [...withoutClaim, "ceph-member"].filter(
  (name) => !/^(claim|network|reset)$/.test(name),
);
/** Steps that print something else than `unchanged`. */
const withoutEnd = ["network", "preflight", "reset"];
/** What undoes a step, and what else it undoes; those of a master for another node have left no note of their step. */
const undoes: Readonly<Record<string, string>> = {
  "etcd-leave": "undone etcd",
  "restore-resume": "undone restore-halt",
  "ceph-mon-leave": "undone ceph-mon",
  "ceph-osd-stop": 'undone "ceph-osd-$OSD"',
  "ceph-remove": "undone 'ceph-*'",
  "ceph-packages-leave": "undone ceph-packages",
  "join-service-stop": "undone join-service",
  "vip-stop": "undone vip",
  "firewall-off": "undone firewall",
};

/** A line no script may have, why, and the few that may. */
const forbidden: readonly (readonly [RegExp, string, RegExp?])[] = [
  [/\bset \+[a-z]/, "goes on after an error"],
  [/\bcurl\b.*\s(-\w*k\w*|--insecure|--ssl-no-revoke)\s/, "talks to anybody"],
  [/\bhttp:\/\//, "asks without TLS", /127\.0\.0\.1:2381/],
  [/\bchmod\b(?! "\$mode")(?!.* 0[0-7]{3}\b)/, "sets a mode that is not said"],
  [/(chmod|-m) 0?[0-7]*[2367]\b/, "lets anybody write"],
  [/^systemctl (re)?start\b/, "restarts whatever changed"],
  [
    /(^|[^2&])>>?\s*"?\/(etc|usr|var\/lib)\//,
    "writes a managed file in place; use file()",
    /kubelet-client-first\.pem/,
  ],
  [
    /\$\((osd_key|token_secret|dashboard_password|bootstrap_kubeconfig|initial_keyring)\)/,
    "makes a secret an argument of a program",
    /^\s*(printf|OSD_ID=\$\(printf) /,
  ],
  [/\binstall -m (?!0600 |"\$mode" )/, "makes a file that others read"],
  [
    /(?<!as_ceph .*)(\b(rm|mv|cp|ln|install|mkdir|rmdir|touch|sync|chown|chmod|truncate|file|stage)\b[^|;&]*|>\s*)"?(\/var\/lib\/ceph\/|\$(CEPH|MON|MGR|OSD)_DATA\b)/,
    "lets root follow a link of the daemons' user; use as_ceph()",
    /^if \[ ! -d "\$CEPH_DATA" \] \|\| \[ -O "\$CEPH_DATA" \]; then install -d -m 0750 -o ceph -g ceph "\$CEPH_DATA"; fi$/,
  ],
  [/\beval\b/, "runs what it reads"],
  [
    /\b(ceph_do|ceph_says|as_osd_host)\b.* 2>(&1|\/dev\/null)(?!.*(\|\||&&|; then|\)))/,
    "keeps to itself why Ceph refuses",
  ],
  [/\bmktemp\b(?! -| "(\$STORE|\$STATE))/, "leaves a file in a folder of all users"],
];

describe("the script", () => {
  const names = [...sources.keys()].flatMap((name) => /^(.*)\.sh$/.exec(name)?.[1] ?? []);
  const linesOf = (name: string) =>
    readFileSync(sources.get(`${name}.sh`) ?? "", "utf8")
      .split("\n")
      .map((text, i) => ({ text, at: `${name}.sh:${i + 1}` }))
      .filter(({ text }) => text.trim() !== "" && !/^\s*#/.test(text));

  for (const name of names) {
    it(`${name}.sh does nothing that no script may`, () => {
      for (const { text, at } of linesOf(name))
        for (const [pattern, why, except] of forbidden)
          assert.ok(!pattern.test(text) || except?.test(text), `${at} ${why}: ${text.trim()}`);
    });
  }

  const steps = names.filter((name) => !/(^|-)lib$/.test(name));
  for (const name of steps) {
    it(`${name}.sh is a step: claim, turn, work, end`, () => {
      const lines = linesOf(name);
      const [first] = lines;
      assert.match(
        first?.text ?? "",
        /^\. "\$\(dirname "\$0"\)\/\.\.\/lib\/lib\.sh"$/,
        `${first?.at}: no lib.sh`,
      );
      const own = lines.slice(
        lines.findIndex(({ text }) => /^(require_claim|check_lock)\b/.test(text)),
      );
      const main = lines.filter(({ text }) => /^[^\s}]/.test(text) && !/^\w+\(\)|^\. /.test(text));
      const at = `${name}.sh`;
      if (!withoutClaim.includes(name))
        assert.equal(own[0]?.text, "require_claim", `${at} works without a claim`);
      if (!withoutTurn.includes(name)) {
        const turn = main.findIndex(({ text }) => /^(require_claim|check_lock)\b/.test(text)) + 1;
        assert.match(main[turn]?.text ?? "", /^exclusively /, `${at} does not wait for its turn`);
      }
      if (withoutEnd.includes(name)) return;
      const end = undoes[name] ?? "finish";
      assert.equal(lines.at(-1)?.text, end, `${at} does not say whether it changed anything`);
      lines.forEach(({ text, at }, i) => {
        if (!/\bexit 0\b/.test(text)) return;
        const said = `${lines[i - 1]?.text} ${text}`;
        assert.ok(said.includes(end), `${at} does not say whether it changed anything`);
      });
    });
  }

  for (const name of ["control-plane", "kubelet"]) {
    it(`${name}.sh puts back the operator's settings when it fails, from the first file on`, () => {
      const at = (text: RegExp) => linesOf(name).findIndex((line) => text.test(line.text));
      assert.ok(at(/^undo_on_failure$/) >= 0, `${name}.sh`);
      assert.ok(at(/^undo_on_failure$/) < at(/^(install_files|network_before)$/), `${name}.sh`);
    });
  }

  it("that starts a service waits until it does its work", () => {
    let found = 0;
    for (const name of steps.filter((name) => name !== "ceph-keys")) {
      const lines = linesOf(name);
      lines.forEach(({ text, at }, i) => {
        const [, unit] =
          /\brun_(?:unit|service) ([a-z-]+\.service|"\$UNIT")(?= |$)/.exec(text) ?? [];
        if (unit === undefined) return;
        found += 1;
        const waits = lines
          .slice(i)
          .some(
            ({ text }) =>
              /^\s*wait_for \d+ /.test(text) && (text.includes(unit) || / "\$UNITS" /.test(text)),
          );
        assert.ok(waits, `${at} starts ${unit}, and the step does not wait for it`);
      });
    }
    assert.ok(found >= 8, `${found} services`);
  });

  it("that asks over TLS believes pinned authorities only, and takes no error for an answer", () => {
    let found = 0;
    for (const name of names) {
      const text = linesOf(name)
        .map(({ text }) => text)
        .join("\n")
        .replaceAll(/\\\n\s*/g, "");
      for (const [command] of text.matchAll(/\bcurl --.*/g)) {
        found += 1;
        const at = `${name}.sh: ${command}`;
        // What is downloaded is known by its hash; the time that a machine is told is believed as little as it tells.
        const known = /^(prepare-lib|preflight)$/.test(name) ? "|--proto '=http,https' " : "";
        const trusts = new RegExp(`--cacert \\S+/(kubelet-serving-)?ca\\.crt ${known}`);
        assert.match(command, trusts, at);
        assert.match(
          command,
          /--fail(-with-body)? |--write-out '%\{http_code\}'|--resolve|--head/,
          at,
        );
        assert.match(command, /--(max-time|connect-timeout) /, `${at} waits for ever`);
      }
    }
    assert.ok(found >= 6, `${found} commands`);
  });

  it("whatever it is gives files and folders of keys to their owner alone", () => {
    for (const name of names)
      for (const { text, at } of linesOf(name)) {
        const [, path = "", rights] = /\bfile (\S+) (\d+ \S+)/.exec(text) ?? [];
        // The public half of what tokens are signed with, and what whoever asks apt reads.
        const open = /^\/etc\/host|^\$PUBLIC$|^"\$CEPH_(PIN|SOURCE)"$/.test(path);
        // Whose calls are taken: public keys, which sshd reads as the user who is let in.
        if (path.endsWith('/callers"') && rights === "0640 root:groundwork-join") continue;
        if (rights)
          assert.match(rights, open ? /^0644 root:root$/ : /^0600 (root:root|ceph:ceph)$/, at);
        if (/^\s*install -d .*\/var\/(lib\/etcd|lib\/kubelet|log\/kubernetes)\b/.test(text))
          assert.match(text, /install -d -m 0700 /, at);
      }
  });

  it("whatever it is leaves nothing in memory of what came for its step", () => {
    const traps = [...sources].flatMap(([name, path]) =>
      (readFileSync(path, "utf8").match(/^\s*trap .*\bEXIT\b/gm) ?? []).map((line) => [name, line]),
    );
    assert.ok(traps.length > 0);
    // Bash has one such trap, and the program has set its own (steps/program.ts).
    for (const [name, line = ""] of traps) assert.match(line, /"\$IN"/, `${name}: ${line}`);
  });

  it("reset.sh gives up the lock when all else is gone", () => {
    const [lock, folder, end] = linesOf("reset").slice(-3);
    assert.equal(lock?.text, 'rm -f "$STATE/lock"', lock?.at);
    assert.match(folder?.text ?? "", /^rmdir "\$STATE"/, folder?.at);
    assert.equal(end?.text, "echo reset");
    for (const { text, at } of linesOf("reset").slice(0, -3))
      assert.ok(!/\$STATE" .*-delete/.test(text) || text.includes("! -name lock"), at);
  });

  it("lib.sh ends every step at its first error, and shows new files to nobody", () => {
    const [strict, ...others] = linesOf("lib");
    assert.equal(strict?.text, "set -Eeuo pipefail", strict?.at);
    assert.ok(others.some(({ text }) => text === "umask 077"));
  });
});
