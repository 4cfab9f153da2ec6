import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endWithSuite, must, on, root } from "./lab";

function succeed(node: string, command: string): string {
  const { status, stdout, output } = on(node, `set -e\n${command}`);
  assert.equal(status, 0, output);
  return stdout.trim();
}

/** A package without content, in an archive of the machine's own: what the lab's nodes reach has none. */
const archived = (version: string) => `
  rm -rf /srv/repo; mkdir -p /srv/repo/patched/DEBIAN
  printf '%s\\n' 'Package: patched' 'Version: ${version}' 'Architecture: all' 'Maintainer: none' 'Description: for a test' >/srv/repo/patched/DEBIAN/control
  dpkg-deb --build /srv/repo/patched /srv/repo/patched.deb >/dev/null
  { cat /srv/repo/patched/DEBIAN/control; printf '%s\\n' 'Filename: ./patched.deb' "Size: $(stat -c %s /srv/repo/patched.deb)" "SHA256: $(sha256sum /srv/repo/patched.deb | cut -d' ' -f1)" ''; } >/srv/repo/Packages`;

/** Each start of the machine leaves its boot there. */
const counted = `
  printf '%s\\n' '[Service]' 'Type=oneshot' 'ExecStart=/bin/sh -c "cat /proc/sys/kernel/random/boot_id >>/root/boots"' '[Install]' 'WantedBy=multi-user.target' >/etc/systemd/system/boots.service
  systemctl enable --quiet --now boots.service`;

/** Gives a machine a package of which its only archive has a newer version, and counts its starts from now on. */
export function outdated(node: string): void {
  succeed(
    node,
    `${archived("1")}
     dpkg -i /srv/repo/patched.deb >/dev/null
     ${archived("2")}
     [ -e /etc/apt/sources.list.kept ] || mv /etc/apt/sources.list /etc/apt/sources.list.kept
     echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
     [ -e /root/boots ] || { ${counted}\n}`,
  );
}

/** Version of the package that {@link outdated} installs. */
export const patch = (node: string) => succeed(node, "dpkg-query -Wf '${Version}' patched");

/** How often the machine has started since {@link outdated}, that day's boot included. */
export const boots = (node: string) => Number(succeed(node, "wc -l </root/boots"));

/** Looks twice a second on which machines somebody listens at a port, and what a command prints. */
export class Sentry {
  private readonly log = join(root, ".lab/log/sentry");
  private readonly child: ChildProcess;

  constructor(port: number, ask = ":") {
    mkdirSync(join(root, ".lab/log"), { recursive: true });
    const out = openSync(this.log, "w");
    // In their own tables: sshd would punish who connects and does not log in.
    const listens = `grep -qsE ':${port.toString(16).toUpperCase().padStart(4, "0")} [0-9A-F]+:0000 0A ' /proc/$pid/net/tcp /proc/$pid/net/tcp6`;
    const look = `lab/node list | while read -r name _ _ pid; do ${listens} || printf '%s ' "$name"; done`;
    const command = `. .lab/env; while :; do echo "away: $(${look})"; ${ask}; sleep 0.3; done`;
    const child = spawn("bash", ["-c", command], { cwd: root, stdio: ["ignore", out, "ignore"] });
    this.child = endWithSuite(child);
  }

  /** What it has seen so far, without what it saw again. */
  seen(): string[] {
    return [...new Set(readFileSync(this.log, "utf8").split("\n"))];
  }

  /** Ends it. @returns the most machines that were away at a time */
  stop(): number {
    this.child.kill("SIGKILL");
    const away = this.seen().flatMap((line) => /^away: (.*)$/.exec(line)?.[1] ?? []);
    return Math.max(...away.map((names) => names.split(" ").filter(Boolean).length));
  }
}

/** The boot of a machine that runs; `` of one that does not. */
export const bootOf = (node: string) =>
  on(node, "cat /proc/sys/kernel/random/boot_id").stdout.trim();

/** Cuts a machine's power, and gives it back. */
export function cutPower(node: string): void {
  must(`lab/node kill ${node}`);
  must(`lab/node start ${node}`);
}
