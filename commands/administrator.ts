import { readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { ApiException, KubeConfig } from "@kubernetes/client-node";
import { type Option, OperatorError } from "./command";

/** The option of commands that ask the API as the administrator. */
export const asAdministrator = {
  type: "string",
  value: "FILE",
  help: "the administrator's, - for standard input; default: what KUBECONFIG names",
} as const satisfies Option;

/** @param source a file, `-`, or nothing for what KUBECONFIG names */
export function adminConfig(source: string | undefined): KubeConfig {
  const files = source === undefined ? filesOf(process.env.KUBECONFIG) : [source];
  const [from] = files;
  const how =
    "name the administrator's with --kubeconfig FILE, as 'pulumi stack output --show-secrets kubeconfig' prints it";
  if (!from)
    throw new OperatorError(
      `there is no kubeconfig to ask with, and KUBECONFIG is not set; ${how}`,
    );
  if (files.length > 1)
    throw new OperatorError(
      `KUBECONFIG names ${files.length} files, and one is asked with; ${how}`,
    );
  const config = new KubeConfig();
  try {
    config.loadFromString(readFileSync(from === "-" ? 0 : from, "utf8"));
  } catch (error) {
    throw new OperatorError(`${from} is no kubeconfig: ${(error as Error).message}; ${how}`);
  }
  if (config.getCurrentCluster() && config.getCurrentUser()) return config;
  throw new OperatorError(`${from} has no current context with a cluster and a user; ${how}`);
}

/** The files in a list of paths, as kubectl reads it: an empty one is none. */
const filesOf = (paths = "") => paths.split(delimiter).filter((path) => path !== "");

/** What the API says, or why it says nothing, in words. */
export async function told<T>(admin: KubeConfig, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const server = admin.getCurrentCluster()?.server;
    if (error instanceof ApiException) {
      const says = reasonOf(error.body);
      const remedy =
        error.code === 401 || error.code === 403 ? "; it takes the administrator's kubeconfig" : "";
      throw new OperatorError(
        `${server} refuses it with HTTP status ${error.code}: ${says}${remedy}`,
      );
    }
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new OperatorError(
      `${server} does not answer: ${reason}; see that it can be reached from here, or name another context's server`,
    );
  }
}

/** The message of a Status, which may come as text. */
function reasonOf(body: unknown): string {
  try {
    const status = (typeof body === "string" ? JSON.parse(body) : body) as { message?: string };
    return status.message ?? "no reason is given";
  } catch {
    return String(body);
  }
}
