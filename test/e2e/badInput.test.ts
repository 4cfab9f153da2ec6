import assert from "node:assert/strict";
import type { Document } from "yaml";
import { editCluster, must, on, preview, setField, up } from "./lab";

/** What an `up` says that fails with an edited cluster file; the file is put back. */
function failing(edit: (file: Document) => void, args = ""): string {
  const restore = editCluster(edit);
  try {
    const result = up(args);
    assert.notEqual(result.status, 0, "up succeeded");
    return result.output;
  } finally {
    restore();
  }
}

/** The same, where nothing but the first error is told. */
function upWith(edit: (file: Document) => void): string {
  const output = failing(edit);
  assert.doesNotMatch(output, /^\s+at .*\.(ts|js):\d+/m, "a stack trace for a user's mistake");
  return output;
}

const masters = ["master-01", "master-02", "master-03"];
const bornAnywhere = () =>
  masters.some((node) => on(node, "test -d /var/lib/etcd/member").status === 0);
/** The machines that the cluster has written anything to. */
const taken = () =>
  [...masters, "worker-01", "worker-02"].filter(
    (node) => on(node, "test -e /var/lib/cluster-state").status === 0,
  );

/** Runs a command on a machine of the lab without its SSH server. */
function inside(node: string, command: string): void {
  const leader = `$(lab/node list | awk '$1 == "${node}" { print $NF }')`;
  must(`nsenter --target ${leader} --mount bash -s`, { input: command });
}

const bashrc = "/root/.bashrc";
/** No line break at its end, a word behind, and a control character. */
const noise = `printf "Welcome to our company\\\\n\\\\033[1mno end"; trap "echo Bye" EXIT`;

const foreignLock = `cluster_id=11111111-2222-3333-4444-555555555555
cluster_name=other
node=db-01
stack=other/prod
since=2026-01-02T03:04:05Z`;

const flanneldSum = [
  "cluster",
  "artifacts",
  "sha256",
  "github.com/flannel-io/flannel/releases/download/v0.28.4/flanneld-amd64",
];

describe("a first up that cannot succeed", function () {
  this.timeout(300_000);
  before(() => {
    must("pulumi stack select dev --create");
    // All of what follows is to work on a machine whose shell has its own words for everybody.
    inside("master-02", `cp ${bashrc} ${bashrc}.kept; printf '%s\\n' '${noise}' >${bashrc}`);
  });
  after(() => inside("master-02", `mv ${bashrc}.kept ${bashrc}`));
  afterEach(() => assert.ok(!bornAnywhere(), "etcd was born in spite of the error"));

  it("refuses two nodes with one address, before anything runs", () => {
    const output = upWith((file) => setField(file, "worker-02", "ip", "10.77.0.21"));
    assert.match(output, /worker-01/);
    assert.match(output, /worker-02|nodes\[4\]/);
    assert.match(output, /10\.77\.0\.21/);
  });

  it("examines all machines, tells all that speaks against any, and takes none", () => {
    // Each is put in the way, and out of it again, by the machine's own means.
    const obstacles = {
      "master-02": [
        "mkdir /var/lib/cluster-state && cat >/var/lib/cluster-state/lock <<END\n" +
          foreignLock +
          "\nEND",
        "rm -r /var/lib/cluster-state",
      ],
      "master-03": [
        "systemd-run --quiet --unit=squatter systemd-socket-activate --listen=2379 true",
        "systemctl stop squatter",
      ],
      "worker-01": [
        "printf '%s\\n' '#!/bin/sh' 'exec /usr/bin/date --date=\"1 hour ago\" \"$@\"' >/usr/local/sbin/date && chmod +x /usr/local/sbin/date",
        "rm /usr/local/sbin/date",
      ],
      "worker-02": [
        "mount -t tmpfs -o size=100m tmpfs /var/lib/kubelet",
        "umount /var/lib/kubelet",
      ],
    } as const;
    const nodes = Object.entries(obstacles);
    for (const [node, [put]] of nodes) assert.equal(on(node, put).status, 0, node);
    try {
      const output = failing(
        (file) => setField(file, "master-01", "hardware", { mac_addresses: ["02:00:00:00:00:01"] }),
        "--continue-on-error",
      );
      for (const said of [
        /master-01 \(10\.77\.0\.11\): the machine is not fit:\s+- mac: none of the declared MAC addresses \(02:00:00:00:00:01\) is on the machine, which has: /,
        /master-02 \(10\.77\.0\.12\): the machine belongs to cluster 'other' .* as 'db-01' since 2026-01-02T03:04:05Z/,
        /this is cluster 'lab'/,
        /what to do: remove it from that cluster first/,
        /master-03 \(10\.77\.0\.13\): the machine is not fit:\s+- port: port 2379 is in use by systemd/,
        /worker-01 \(10\.77\.0\.21\): the machine is not fit:\s+- clock: it lags by 3[56]\d\d s or more: it says .*Z, https:\S+ says .*Z/,
        /worker-02 \(10\.77\.0\.22\): the machine is not fit:\s+- disk: \d+ MiB free on \/var\/lib\/kubelet; 512 are needed, for \/var\/lib\/kubelet/,
        /what to do: mend each point; .* cluster\.preflight\.allow/,
      ]) {
        assert.match(output, said);
      }
    } finally {
      for (const [node, [, remove]] of nodes) assert.equal(on(node, remove).status, 0, node);
    }
    assert.deepEqual(taken(), []);
  });

  it("tells by name a machine that does not run what it is given, and is fine once it does", () => {
    inside(
      "worker-02",
      `cp ${bashrc} ${bashrc}.kept; sed -i '1i echo closed for today; exit 0' ${bashrc}`,
    );
    try {
      const output = failing(() => undefined, "--continue-on-error");
      assert.match(
        output,
        /worker-02 \(10\.77\.0\.22\) lets user root in, but does not run what it is given: it says "closed for today", and ends with status 0; nothing was written/,
      );
      assert.match(output, /what to do: make the shell of root there .*~\/\.bashrc/);
      assert.doesNotMatch(output, /SyntaxError/);
      const state = must("pulumi stack export");
      assert.match(state, /Welcome.*groundwork-report/, "the other was not examined");
      assert.doesNotMatch(state, /closed for today/);
    } finally {
      inside("worker-02", `mv ${bashrc}.kept ${bashrc}`);
    }
    assert.deepEqual(taken(), []);
    const seen = preview();
    assert.equal(seen.status, 0, seen.output);
    // What follows is the next `up`.
  });

  it("takes neither of two machines that are copies of one", () => {
    const copy = must("lab/ssh worker-02 cat /etc/machine-id").trim();
    const own = must("lab/ssh worker-01 cat /etc/machine-id").trim();
    const write = (id: string) =>
      assert.equal(on("worker-01", `echo ${id} >/etc/machine-id`).status, 0);
    write(copy);
    try {
      const output = upWith((file) => setField(file, "worker-01", "generation", 2));
      // The first refusal ends the update; which of the two machines' it is is chance.
      assert.match(
        output,
        /claim refused worker-0[12] \(10\.77\.0\.2[12]\): it has the same machine id \(\/etc\/machine-id\) as worker-0[12] \(10\.77\.0\.2[12]\): [0-9a-f]{32}/,
      );
      assert.match(output, /what to do: .*systemd-machine-id-setup.*raise its generation/);
    } finally {
      write(own);
    }
    assert.deepEqual(
      taken().filter((node) => node.startsWith("worker")),
      [],
    );
  });

  it("goes on with a state in which a machine's report is none, and has it examined again", () => {
    // It answers the question before, and then tells nonsense.
    const mood = `case $BASH_EXECUTION_STRING in *create) printf "garbage\\\\033[2J"; exit 0 ;; esac`;
    inside("worker-02", `cp ${bashrc} ${bashrc}.kept; sed -i '1i ${mood}' ${bashrc}`);
    const edit = (file: Document) => {
      // The copy was mended, and is to be examined again.
      setField(file, "worker-01", "generation", 3);
      setField(file, "worker-02", "generation", 2);
    };
    let urn: string | undefined;
    try {
      const output = failing(edit);
      const refused =
        /claim refused worker-02 \(10\.77\.0\.22\): what preflight left of worker-02 in the state is no report: it printed "garbage \[2J" instead of a report\s+what to do: .*pulumi up --replace '(urn:\S+::worker-02-preflight)'/;
      assert.match(output, refused);
      [, urn] = refused.exec(output) ?? [];
      const restore = editCluster(edit);
      const seen = preview();
      restore();
      assert.equal(seen.status, 0, seen.output);
      assert.match(seen.output, /warning: what preflight left of worker-02/);
    } finally {
      inside("worker-02", `mv ${bashrc}.kept ${bashrc}`);
    }
    const output = failing((file) => {
      edit(file);
      file.setIn(flanneldSum, "0".repeat(64));
    }, `--replace '${urn}'`);
    // The stack's outputs tell what they were before.
    assert.doesNotMatch(output, /warning: .*no report|claim refused/);
    assert.match(output, /flanneld-amd64 is not what was asked for/);
    assert.equal(on("worker-02", "test -e /var/lib/cluster-state/lock").status, 0);
  });

  it("installs nothing of a download that is not what the file says", () => {
    const output = upWith((file) => {
      // The copy was mended, and is to be examined again.
      setField(file, "worker-01", "generation", 3);
      file.setIn(flanneldSum, "0".repeat(64));
    });
    assert.match(
      output,
      /flanneld-amd64 is not what was asked for: its SHA-256 is [0-9a-f]{64}, the file says 0{64}/,
    );
    assert.match(output, /what to do: repair the mirror, or cluster\.artifacts\.sha256/);
  });

  it("stops at a wrong host key, and says what to compare", () => {
    const other = must("cut -d' ' -f1,2 .lab/ssh/id_ed25519.pub").trim();
    const output = upWith((file) => setField(file, "worker-01", "host_key", other));
    assert.match(
      output,
      /worker-01 \(10\.77\.0\.21\) shows another host key than the one in the file/,
    );
    assert.match(output, /put it into worker-01's host_key/);
  });

  it("gives up an unreachable machine, and one that hangs, within a minute, and names them", () => {
    must("lab/node pause worker-01; lab/node kill worker-02");
    try {
      const began = Date.now();
      // Their earlier steps are done; a new generation makes them run again.
      const output = upWith((file) => {
        for (const name of ["worker-01", "worker-02"]) setField(file, name, "generation", 2);
      });
      assert.ok(Date.now() - began < 60_000, "it took longer than a minute");
      assert.match(output, /worker-01 \(10\.77\.0\.21:22\) hangs: it takes connections/);
      assert.match(output, /worker-02 \(10\.77\.0\.22:22\) does not answer over SSH/);
    } finally {
      must("lab/node resume worker-01; lab/node start worker-02");
    }
  });
});
