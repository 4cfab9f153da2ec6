import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { notOurs, ourFields, remedyFor } from "../../config/otherTools";
import { clusterFile } from "../../config/schema";
import { schemaAt } from "../../config/schemaTree";
import {
  allChecksums,
  type FileData,
  privateKey,
  problemsOf,
  sampleFile,
  withValue,
} from "./clusterSample";

const folder = join(__dirname, "fixtures", "users");

const secrets = { group: "", resources: ["secrets"] };
const policy = (rules: object[]) =>
  stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules });

/** Beside each file. */
const beside = {
  "operator.key": privateKey(),
  "nodes.key": privateKey(),
  "storage-box.key": privateKey(),
  "registry.password": "example\n",
  "id_rsa.pub": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDf",
  "policy-of-old.yaml": policy([{ level: "RequestResponse", resources: [secrets] }]),
  "policy.yaml": policy([{ level: "Metadata" }]),
};

/** By file; written down in words, so that a change of any shows. */
const refusals = parse(readFileSync(join(folder, "..", "users-refused.yaml"), "utf8")) as Record<
  string,
  Record<string, unknown> | undefined
>;

describe("files of other tools' users, translated", () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), "utf8");
    const [heading = ""] = text.split("\n");

    describe(`${name}: ${heading.slice(2)}`, () => {
      const data = withChecksums(parse(text) as FileData);
      const refused = refusals[name] ?? {};

      it("is valid, or refused in words that say what to do", () => {
        const lines = problemsOf(data, beside).map((line) =>
          line.replace(/\(that is .*\/(.*)\)/, "(that is FOLDER/$1)"),
        );
        assert.deepEqual(lines, Object.keys(refused));
      });

      it("is valid when the reader does as they say", () => {
        const mended = structuredClone(data);
        // From behind, so that what leaves a list moves nothing that is still to come.
        for (const [line, value] of Object.entries(refused).reverse()) mend(mended, line, value);
        assert.deepEqual(problemsOf(mended, beside), []);
      });
    });
  }

  it("are all that are written about here", () => {
    assert.deepEqual(
      Object.keys(refusals).filter((name) => !readdirSync(folder).includes(name)),
      [],
    );
  });
});

describe("the names of other tools", () => {
  const rows = [...ourFields, ...notOurs];

  it("stand for fields of the cluster file", () => {
    const missing = ourFields
      .map(({ first }) => first)
      .filter(
        (field) => schemaAt(clusterFile, field.replace(/\[\]/g, ".0").split(".")) === undefined,
      );
    assert.deepEqual(missing, []);
  });

  it("stand for one thing each", () => {
    const words = rows.flatMap(({ names }) => [...new Set(names.flat())]);
    assert.deepEqual(
      words.filter((word, i) => words.indexOf(word) < i),
      [],
    );
    for (const { first, names } of rows) {
      for (const name of names.flat()) {
        assert.ok(remedyFor(name.replace("*", "anything"), [])?.endsWith(first), name);
      }
    }
  });

  it("are answered with what to do, in any spelling", () => {
    const said = (path: (string | number)[]) => problemsOf(withValue(sampleFile(), path, "x"));
    assert.match(
      said(["cluster", "service-cluster-ip"]).join("\n"),
      /^cluster\.service-cluster-ip: service-cluster-ip is not known here; remove it, or use one of name, /,
    );
    assert.deepEqual(said(["cluster", "service_cidr"]), [
      "cluster.service_cidr: service_cidr is not known here; here it is cluster.networking.service_cidr",
    ]);
    assert.deepEqual(said(["nodes", 0, "ansibleUser"]), [
      "nodes[0].ansibleUser: ansibleUser is not known here; here it is nodes[].ssh.user",
    ]);
    assert.deepEqual(said(["nodes", 0, "ssh", "ansible_user"]), [
      "nodes[0].ssh.ansible_user: ansible_user is not known here; did you mean user?",
    ]);
  });

  it("at the top of a file say whose file it is", () => {
    const elsewhere =
      "this is another tool's file, whose settings docs/coming-from.md shows beside ours";
    assert.deepEqual(
      problemsOf({ apiVersion: "k0sctl.k0sproject.io/v1beta1", kind: "Cluster", spec: {} }),
      [
        `apiVersion: apiVersion is not known here; ${elsewhere}`,
        "cluster: is missing; give the settings of the cluster as a whole",
        `kind: kind is not known here; ${elsewhere}`,
        "nodes: is missing; give the list of the machines",
        `spec: spec is not known here; ${elsewhere}`,
      ],
    );
  });

  it("are answered as docs/coming-from.md shows", () => {
    const page = readFileSync(join(__dirname, "../../docs/coming-from.md"), "utf8");
    const [, shown = ""] = /```\n([\s\S]*?)\n```/.exec(page) ?? [];
    for (const line of shown.split("\n")) {
      const [place = ""] = line.split(": ");
      assert.deepEqual(problemsOf(withValue(sampleFile(), pathOf(place), "x")), [line]);
    }
  });
});

/** `nodes[0].labels["a/b"]` as a path. */
function pathOf(place: string): (string | number)[] {
  return [...place.matchAll(/\["(.*?)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, word]) =>
    index === undefined ? (quoted ?? word ?? "") : Number(index),
  );
}

/** Puts a value, or nothing when it is null, where a line says that something is wrong. */
function mend(data: FileData, line: string, value: unknown): void {
  const path = pathOf(line.split(": ")[0] ?? "");
  const last = path.at(-1) ?? "";
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((place, part) => (place as FileData)[part], data);
  if (value !== null) (parent as FileData)[last] = value;
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete (parent as FileData)[last];
}

/** The file with checksums that fit its version. */
function withChecksums(data: FileData): FileData {
  const { kubernetes, artifacts } = data["cluster"] as {
    kubernetes: { version: string };
    artifacts?: object;
  };
  const sha256 = allChecksums(kubernetes.version);
  return withValue(data, ["cluster", "artifacts"], { ...artifacts, sha256 });
}
