import assert from "assert/strict";
import { ProgramInfo } from "@pulumi/pulumi/proto/language_pb";
import { mkdtempSync, rmSync } from "fs";
import { tmpdir } from "os";
import { join } from "path";
import {
  dependenciesOf,
  nodeArguments,
  sdkRunner,
  typeScriptEnvironment,
} from "../../lab/plugins/language/project";
import { type Properties, toStruct } from "../../lab/plugins/shared/values";

const repo = join(__dirname, "../..");

describe("the lab's language host", () => {
  const withOptions = (options: Properties) => new ProgramInfo().setOptions(toStruct(options));

  it("splits nodeargs like a shell, quotes included", () => {
    const info = withOptions({ nodeargs: `--max-old-space-size=4096 "--title=two words" '-r' x` });
    assert.deepEqual(nodeArguments(info), [
      "--max-old-space-size=4096",
      "--title=two words",
      "-r",
      "x",
    ]);
    assert.deepEqual(nodeArguments(undefined), []);
  });

  it("has TypeScript on unless the project turns it off", () => {
    assert.deepEqual(typeScriptEnvironment(withOptions({})), { PULUMI_NODEJS_TYPESCRIPT: "true" });
    const info = withOptions({ typescript: false, tsconfig: "tsconfig.pulumi.json" });
    assert.deepEqual(typeScriptEnvironment(info), {
      PULUMI_NODEJS_TYPESCRIPT: "false",
      PULUMI_NODEJS_TSCONFIG_PATH: "tsconfig.pulumi.json",
    });
  });

  it("finds the program's own SDK, and says what to do without one", () => {
    assert.equal(
      sdkRunner("run", repo),
      join(repo, "node_modules/@pulumi/pulumi/cmd/run/index.js"),
    );
    const empty = mkdtempSync(join(tmpdir(), "language-"));
    assert.throws(() => sdkRunner("run", empty), /the Pulumi SDK is not installed .* run 'npm ci'/);
    assert.deepEqual(dependenciesOf(empty), []);
    rmSync(empty, { recursive: true });
  });

  it("knows which dependencies need a plugin", () => {
    const needing = dependenciesOf(repo).filter(({ hasPlugin }) => hasPlugin);
    const names = needing.map(({ name }) => name);
    assert.deepEqual(names, [
      "@pulumi/command",
      "@pulumi/kubernetes",
      "@pulumi/random",
      "@pulumi/tls",
    ]);
  });
});
