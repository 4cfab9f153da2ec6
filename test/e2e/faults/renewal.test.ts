import assert from "node:assert/strict";
import { versionsOf } from "../../../config/artifacts";
import { newestKubernetes } from "../../../config/versions";
import { readers, reads } from "../../../steps/services";
import { assertIsTheFile, assertNothingLost, fileNodes } from "../expected";
import { json, on, stepsOf, up } from "../lab";
import { Writer } from "../writer";

interface Resource {
  readonly urn: string;
  readonly type: string;
}

/** URNs of the certificates of the stack that somebody signed, by name: `pki-scheduler`. */
function certificates(): Map<string, string> {
  const { deployment } = json<{ deployment: { resources: Resource[] } }>("pulumi stack export");
  return new Map(
    deployment.resources
      .filter(({ type }) => type === "tls:index/locallySignedCert:LocallySignedCert")
      .map(({ urn }) => [urn.replace(/^.*::|-cert$/g, ""), urn]),
  );
}

/** What an `up` does within a certificate's last 60 days. Answers which steps ran. */
function renew(urns: readonly string[]): string[] {
  const result = up(urns.map((urn) => `--replace '${urn}'`).join(" "));
  assert.equal(result.status, 0, result.output);
  return stepsOf(result).sort();
}

/** Services of ours on a node, and when each was started, in microseconds since its boot. */
function started(node: string): Map<string, string> {
  const script = readers()
    .map(
      (service) =>
        `echo ${service} $(systemctl show -P ExecMainStartTimestampMonotonic ${service})`,
    )
    .join("\n");
  const lines = on(node, script).stdout.trim().split("\n");
  return new Map(
    lines
      .map((line) => line.split(" "))
      .flatMap(([service = "", at = "0"]) => (at === "0" ? [] : [[service, at] as const])),
  );
}

/** Files that are newer than the service that reads them. */
function unread(node: string): string[] {
  return [...started(node).keys()].flatMap((service) => {
    const files = reads(service, versionsOf({ kubernetes: { version: newestKubernetes } })).join(
      " ",
    );
    const script = `touch -d "$(systemctl show --timestamp=us+utc -P ExecMainStartTimestamp ${service})" /run/started
      find ${files} -type f -newer /run/started; rm /run/started`;
    return on(node, script)
      .stdout.split("\n")
      .filter(Boolean)
      .map((file) => `${service} on ${node} has not read ${file}`);
  });
}

/** On the lab of `clusters/kubernetes.yaml`: three masters and two workers. */
describe("a renewed certificate", function () {
  this.timeout(900_000);
  const masters = fileNodes("master");
  const everyNode = fileNodes();
  const times = () => new Map(everyNode.map((node) => [node, started(node)]));
  after(() => Writer.clean());

  it("of the scheduler is read by every scheduler, and nothing else is started anew", async () => {
    const before = times();
    const ran = renew([certificates().get("pki-scheduler") ?? ""]);
    assert.deepEqual(
      ran,
      masters.flatMap((node) => [`${node}-control-plane`, `${node}-credentials`]).sort(),
    );
    const after = times();
    for (const node of everyNode)
      for (const [service, at] of after.get(node) ?? [])
        assert.equal(
          at === before.get(node)?.get(service),
          service !== "kube-scheduler",
          `${service} on ${node}`,
        );
    await assertIsTheFile();
  });

  it("is read, whichever it is, by all that need it, while a client writes", async () => {
    const all = certificates();
    assert.ok(all.size > 15, `${all.size} certificates`);
    const writer = await Writer.start("api");
    renew([...all.values()]);
    const report = await writer.stop();
    assertNothingLost(report);
    assert.deepEqual(report.failed, []);
    assert.deepEqual(everyNode.flatMap(unread), []);
    await assertIsTheFile();
  });
});
