import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { derivePlan } from "../config/derive";
import { hostAndPort } from "../config/endpoint";
import { explain } from "../config/explain";
import { ClusterConfigError, formatPath, type Issue, type Path, show } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import { examine } from "../config/read";
import { type ClusterFile, clusterFile } from "../config/schema";
import { schemaAt } from "../config/schemaTree";
import { standIn } from "../config/standIn";
import { fileField, isDialled, sampleAt, secretAt } from "./places";
import { type Found, take, valueAt, withValue } from "./take";
import { asNumber, type Made, standInFor } from "./standIns";
import type { ClusterArgs } from "./types";

/** Folder where relative paths in arguments start: the program's. */
const baseDir = ".";

export interface ArgumentsPlan {
  readonly plan: ClusterPlan;
  /** Nothing may be dialled before: at `up`, all values are known then and fit together. */
  readonly checked: Promise<unknown>;
}

/**
 * The plan of a cluster whose arguments may be other resources' outputs, with stand-ins where they are.
 * @param whose how errors call it: `Cluster prod`
 * @throws ClusterConfigError with everything that is wrong with the arguments. What is wrong with values that become
 * known later is the same error then, before any machine is dialled.
 */
export function planOf(whose: string, { cluster, nodes }: ClusterArgs): ArgumentsPlan {
  const { data, found, issues } = take({ cluster, nodes });
  const whole = found.reduce(
    (all, { path }) => withValue(all, fileField(path), sampleAt(path)),
    data,
  );
  // A secret is there, known or not: a file would name one.
  const keyed = found
    .filter(({ path }) => secretAt(path))
    .reduce((all, { path }) => withValue(all, fileField(path), standIn(0)), data);
  // Of whom host or port is not known, it dials nobody else's address.
  const known = found
    .filter(({ path }) => isDialled(path))
    .reduce(
      (all, { path }, i) => withValue(all, [...path.slice(0, -1), "host"], standIn(i)),
      keyed,
    );
  const { file, issues: others } = examine(known, baseDir, whole);
  const places = new Set(issues.map(({ path }) => formatPath(path)));
  const all = [...issues, ...others.filter(({ path }) => !places.has(formatPath(path)))];
  if (file === undefined || all.length > 0) throw new ClusterConfigError(whose, all);

  const values = found.map((one) => judged(whose, one, whole));
  const together = pulumi.all(values).apply((real) => {
    const complete = found.reduce(
      (all, { path }, i) => (secretAt(path) ? all : withValue(all, path, real[i])),
      keyed,
    );
    const problems = [...examine(complete, baseDir).issues, ...endpointIssues(data, found, real)];
    if (problems.length > 0) throw new ClusterConfigError(whose, problems);
  });
  const checked = found.length === 0 ? Promise.resolve() : settledAtUp(together);
  const taken = JSON.stringify(file);
  const withStandIns = found.reduce<unknown>((all, { path }, i) => {
    const value = pulumi.all([values[i] as Made, checked]).apply(([value]) => value) as Made;
    const token = standInFor(value, taken);
    return withValue(all, fileField(path), path.at(-1) === "port" ? asNumber(token) : token);
  }, file) as ClusterFile;
  return { plan: derivePlan(withStandIns, baseDir), checked };
}

/** A value as the schema has it, once it is known. */
function judged(whose: string, { path, input }: Found, whole: unknown): Made {
  const judge = secretAt(path);
  const later = pulumi.output(input) as pulumi.Output<unknown>;
  const value = later.apply((value): string | number => {
    const refuse = (issues: readonly Issue[]): never => {
      throw new ClusterConfigError(whose, issues);
    };
    if (value === undefined || value === null)
      return refuse([{ path, message: "is empty; the resource it comes from does not set it" }]);
    if (judge) {
      const problem = typeof value === "string" ? judge(value) : "is not text";
      return problem === undefined ? (value as string) : refuse([{ path, message: problem }]);
    }
    const schema = schemaAt(clusterFile, path);
    if (schema === undefined) throw new Error(`the schema has no ${formatPath(path)}`);
    const parsed = z.safeParse(schema, value);
    if (parsed.success) return parsed.data as string | number;
    const issues = parsed.error.issues.map((issue) => ({
      ...issue,
      path: [...path, ...issue.path],
    }));
    return refuse(explain(clusterFile, withValue(whole, path, value), issues));
  });
  return judge ? pulumi.secret(value) : value;
}

/**
 * Whose address the endpoint is decides what certificates carry: that must not change when an address becomes known.
 */
function endpointIssues(data: unknown, found: readonly Found[], real: readonly unknown[]): Issue[] {
  const path: Path = ["cluster", "endpoint"];
  const said = valueAt(data, path);
  const endpoint = typeof said === "string" ? said : valueAt(data, [...path, "host"]);
  if (typeof endpoint !== "string") return [];
  const { host } = hostAndPort(endpoint);
  return found
    .filter(({ path }, i) => path.at(-1) === "ip" && real[i] === host)
    .map((one) => ({
      path,
      message: `${show(host)} is ${formatPath(one.path)}, which another resource makes; leave it out for the first master's address, or give a name`,
    }));
}

/** At `up`, when `output` is there or has failed; at preview it need not be. A promise, so that nothing depends on it. */
function settledAtUp(output: pulumi.Output<unknown>): Promise<unknown> {
  if (pulumi.runtime.isDryRun()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    pulumi.recover(
      output.apply(() => resolve(undefined)),
      reject,
    );
  });
}
