import { credentials } from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as proto from "@pulumi/pulumi/proto/analyzer_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { policies } from "../../policies/rules";
import { cluster, nodes } from "./harness";

const folder = join(__dirname, "../../policies");
const { ADVISORY, MANDATORY } = proto.EnforcementLevel;

/** A call's response as a promise. */
function answer<Response>(
  call: (done: (error: Error | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });
}

describe("the policy pack", function () {
  this.timeout(120_000);
  let pack: ChildProcess;
  let client: AnalyzerClient;

  before(async () => {
    const runner = require.resolve("@pulumi/pulumi/cmd/run-policy-pack");
    pack = spawn(process.execPath, [runner, "127.0.0.1:1", folder], {
      cwd: folder,
      env: {
        ...process.env,
        PULUMI_NODEJS_TYPESCRIPT: "true",
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert.ok(pack.stdout);
    const died = once(pack, "exit").then(() => assert.fail("the pack ended before it answered"));
    const [port] = (await Promise.race([once(pack.stdout, "data"), died])) as [Buffer];
    client = new AnalyzerClient(
      `127.0.0.1:${port.toString().trim()}`,
      credentials.createInsecure(),
    );
  });

  after(() => {
    pack.kill();
    // There is none when the pack did not start.
    (client as AnalyzerClient | undefined)?.close();
  });

  it("tells the engine every policy with its level", async () => {
    const info = await answer<proto.AnalyzerInfo>((done) =>
      client.getAnalyzerInfo(new Empty(), done),
    );
    assert.equal(info.getName(), "groundwork");
    assert.deepEqual(
      info.getPoliciesList().map((policy) => [policy.getName(), policy.getEnforcementlevel()]),
      policies.map(({ name, enforcementLevel }) => [
        name,
        enforcementLevel === "mandatory" ? MANDATORY : ADVISORY,
      ]),
    );
  });

  it("judges a resource, at the level an operator configures", async () => {
    const { type, name, props = {} } = cluster({ nodes: nodes({ master: 2 }) });
    const request = new proto.AnalyzeRequest()
      .setType(type)
      .setName(name)
      .setUrn(`urn:pulumi:test::groundwork::${type}::${name}`)
      .setProperties(Struct.fromJavaScript(props as Parameters<typeof Struct.fromJavaScript>[0]))
      .setOptions(new proto.AnalyzerResourceOptions());
    const judged = async () => {
      const response = await answer<proto.AnalyzeResponse>((done) => client.analyze(request, done));
      return response
        .getDiagnosticsList()
        .map((found) => [found.getPolicyname(), found.getEnforcementlevel()]);
    };
    assert.deepEqual(await judged(), [["odd-masters", MANDATORY]]);

    const config = new proto.ConfigureAnalyzerRequest();
    const advisory = new proto.PolicyConfig()
      .setEnforcementlevel(ADVISORY)
      .setProperties(new Struct());
    config.getPolicyconfigMap().set("odd-masters", advisory);
    await answer<Empty>((done) => client.configure(config, done));
    assert.deepEqual(await judged(), [["odd-masters", ADVISORY]]);
  });

  it("is documented, policy by policy with level and settings", () => {
    const text = readFileSync(join(folder, "../docs/policies.md"), "utf8");
    const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    for (const { name, enforcementLevel, configSchema } of policies) {
      const row = rows.find(([, policy]) => policy === `\`${name}\``)?.join(" ");
      assert.ok(row, `docs/policies.md has no row for ${name}`);
      assert.ok(
        row.includes(` ${enforcementLevel} `),
        `docs/policies.md: ${name} is ${enforcementLevel}`,
      );
      for (const setting of Object.keys(configSchema?.properties ?? {})) {
        assert.ok(
          row.includes(`${setting}: `),
          `docs/policies.md: ${name} has a setting ${setting}`,
        );
      }
    }
  });

  it("names each policy once, in words and hyphens, with a description", () => {
    const names = policies.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
    for (const { name, description } of policies) {
      assert.match(name, /^[a-z]+(-[a-z]+)+$/);
      assert.match(description, /^[A-Z].*\.$/);
    }
  });
});
