import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { sources } from "../../steps/program";

/** What the program says in a network of its own, in which `rules` of nft drop packets. */
function asked(rules: readonly string[], ...args: readonly string[]): string {
  const table = [
    "add table ip test",
    "add chain ip test input { type filter hook input priority 0; }",
    ...rules.map((rule) => `add rule ip test input ${rule}`),
  ];
  const script = `set -e
ip link set dev lo mtu 9000 up
for last in 1 2 3; do ip address add 10.9.0.$last/32 dev lo; done
printf '%s\\n' ${table.map((line) => `'${line}'`).join(" ")} | nft -f -
exec perl "$@"`;
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    [
      ...["--user", "--map-root-user", "--net", "bash", "-c", script, "-"],
      sources.get("path-mtu") ?? "",
      ...args,
    ],
    { encoding: "utf8" },
  );
  assert.equal(status, 0, stderr);
  return stdout;
}

describe("the program that looks how large packets may be", () => {
  before(function () {
    const { status } = spawnSync("unshare", [
      "--user",
      "--map-root-user",
      "--net",
      "nft",
      "list",
      "ruleset",
    ]);
    // A machine may let nobody have a network of his own.
    if (status !== 0) this.skip();
  });

  it("finds that all sizes pass, at once", () => {
    const began = Date.now();
    assert.equal(asked([], "1450", "10.9.0.1", "10.9.0.2"), "10.9.0.1 1450\n10.9.0.2 1450\n");
    assert.ok(Date.now() - began < 1000);
  });

  it("finds the largest to the byte, of each address its own", () => {
    const lost = (last: number, size: number) =>
      `ip daddr 10.9.0.${last} ip length gt ${size} drop`;
    assert.equal(
      asked(
        [lost(1, 1350), lost(2, 1449), lost(3, 20)],
        "1450",
        "10.9.0.1",
        "10.9.0.2",
        "10.9.0.3",
      ),
      "10.9.0.1 1350\n10.9.0.2 1449\n10.9.0.3 0\n",
    );
    assert.equal(asked([lost(1, 1451)], "8950", "10.9.0.1"), "10.9.0.1 1451\n");
  });

  it("takes no refusal of a firewall for an answer", () => {
    const refused = "ip daddr 10.9.0.1 icmp type echo-request ip length gt 1350 reject with icmp";
    assert.equal(
      asked([`${refused} type admin-prohibited`], "1450", "10.9.0.1"),
      "10.9.0.1 1350\n",
    );
  });
});
