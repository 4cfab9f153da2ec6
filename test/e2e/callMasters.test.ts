import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reopen, shut, sowSeed, succeeds } from "./console";
import { assertIsTheFile, fileNodes, leftovers } from "./expected";
import { converge, destroyCommand, editCluster, must, root, run } from "./lab";

/** For the machines of clusters/callers.yaml, with nothing on them. */
describe("masters that nobody dials", function () {
  this.timeout(900_000);
  const key = join(root, ".lab/join_service_key");
  const log = join(root, ".lab/join_service.log");
  let service: ChildProcess;
  const nodes: string[] = [];

  before(() => {
    must("pulumi stack select dev --create");
    must(`rm -f ${key}*; ssh-keygen -q -t ed25519 -N '' -f ${key}`);
    editCluster((file) => {
      const [type, blob] = readFileSync(`${key}.pub`, "utf8").split(" ");
      const settings = { host: "10.77.0.1", host_key: `${type} ${blob}` };
      file.setIn(["cluster", "join_service"], file.createNode(settings));
      fileNodes().forEach((_, i) => file.setIn(["nodes", i, "via"], "call"));
    });
    nodes.push(...fileNodes());
    nodes.forEach(shut);
    service = spawn(
      "npm",
      ["run", "--silent", "join-service", "--", "--file", ".lab/cluster.yaml", "--key-file", key],
      { cwd: root, detached: true, stdio: ["ignore", openSync(log, "w"), "inherit"] },
    );
  });
  after(() => {
    nodes.forEach(reopen);
    if (service.pid !== undefined) process.kill(-service.pid);
  });

  it("call the operator's machine, all at once, and become a cluster", async () => {
    nodes.forEach(sowSeed);
    converge();
    nodes.forEach(reopen);
    await assertIsTheFile();
    nodes.forEach(shut);
    const said = readFileSync(log, "utf8");
    for (const node of nodes)
      assert.match(said, new RegExp(`${node} has called, from 10\\.77\\.0\\.`));
  });

  it("go the same way", () => {
    succeeds(run(destroyCommand, { seconds: 600 }));
    nodes.forEach(reopen);
    for (const node of nodes) assert.equal(leftovers(node), "groundwork-join@.service", node);
    nodes.forEach(shut);
  });
});
