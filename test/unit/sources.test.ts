import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";

const root = join(__dirname, "..", "..");

/** A program of its own. */
const tools = ["jsonSchema.ts"];

const sources = [
  join(root, "index.ts"),
  ...[
    "arguments",
    "components",
    "config",
    "steps",
    "networks",
    "manifests",
    "ssh",
    "policies",
  ].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !tools.includes(name))
      .map((name) => join(root, folder, name)),
  ),
];

/** What a source has a reason for, as the ends of the offences that are none. */
const reasons: Readonly<Record<string, readonly string[]>> = {
  // Reads a key, and connects to nobody.
  "config/privateKey.ts": [': import type * as ssh2 from "ssh2";'],
  // How near a certificate's end is.
  "policies/rules/certificates.ts": [": Date"],
  // Called back within an `up`, when the graph is made.
  "ssh/dial.ts": [
    ': import { connect, type Socket } from "node:net";',
    ': import { Client, type ConnectConfig } from "ssh2";',
    ": setTimeout",
    ": process",
  ],
  "ssh/call.ts": [": Date"],
  "ssh/maintain.ts": [": Date"],
  "ssh/network.ts": [": Date"],
  "ssh/diagnose.ts": [': import type { Client } from "ssh2";'],
  "ssh/login.ts": [': import type { Client } from "ssh2";'],
  "ssh/wire.ts": [': import type { Client } from "ssh2";'],
  "ssh/run.ts": [': import type { Client, ClientCallback } from "ssh2";', ": setTimeout", ": Date"],
};

/** Globals by which the same file would make another graph elsewhere or tomorrow. */
const forbiddenGlobals = ["process", "Date", "performance", "fetch", "setTimeout", "setInterval"];

/** Modules that reach out of the program, and the few of their functions that only calculate. */
const forbiddenModules: Readonly<Record<string, readonly string[]>> = {
  child_process: [],
  dgram: [],
  dns: [],
  http: [],
  http2: [],
  https: [],
  net: ["isIP"],
  // Where `~/` in the path of an operator's key leads, and whose name `%u` stands for in a file of ssh.
  os: ["homedir", "userInfo"],
  process: [],
  ssh2: [],
  tls: [],
};
const forbiddenNames = ["random", "randomBytes", "randomInt", "randomUUID"];

/** What a source does that would make its result depend on more than the cluster file. */
function offences(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const report = (node: ts.Node) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${relative(root, path)}:${line + 1}: ${node.getText()}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const allowed = forbiddenModules[node.moduleSpecifier.text.replace(/^node:/, "")];
      const bindings = node.importClause?.namedBindings;
      const names =
        bindings && ts.isNamedImports(bindings)
          ? bindings.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
          : ["*"];
      if (allowed && names.some((name) => !allowed.includes(name))) report(node);
      return;
    }
    if (ts.isPropertyAccessExpression(node)) {
      // A property of that name is no global: only what it is a property of can be one.
      if (
        node.name.text.startsWith("random") &&
        ["Math", "crypto"].includes(node.expression.getText())
      )
        report(node);
      visit(node.expression);
      return;
    }
    if (ts.isPropertyAssignment(node)) return visit(node.initializer);
    const isTyped = ts.isTypeNode(node);
    if (ts.isIdentifier(node) && forbiddenGlobals.includes(node.text)) report(node);
    if (ts.isCallExpression(node) && forbiddenNames.includes(node.expression.getText()))
      report(node);
    if (!isTyped) ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

describe("the program's sources", () => {
  it("know nothing but the cluster file: no environment, no clock, no dice, no network", () => {
    assert.ok(sources.some((path) => path.endsWith("/policies/rules/secrets.ts")));
    assert.deepEqual(
      sources
        .flatMap((path) => offences(path, readFileSync(path, "utf8")))
        .filter((line) => !reasons[line.split(":")[0] ?? ""]?.some((end) => line.endsWith(end))),
      [],
    );
  });

  for (const line of [
    "const home = process.env.HOME;",
    'import { env } from "node:process";',
    "const now = Date.now();",
    "const born = new Date();",
    "const dice = Math.random();",
    'import { execSync } from "child_process";',
    'import { connect } from "net";',
    'import * as os from "node:os";',
    'void fetch("https://example.org");',
    'import { randomUUID } from "crypto"; const id = randomUUID();',
  ]) {
    it(`would be caught with: ${line}`, () => {
      assert.equal(offences(join(root, "index.ts"), line).length, 1);
    });
  }
});
