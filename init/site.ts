import { existsSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { isMap, parseDocument } from "yaml";
import { port, user } from "../config/fields";
import { ClusterConfigError } from "../config/issues";
import { readData } from "../config/read";
import type { Login } from "./machine";

type Settings = Readonly<Record<string, unknown>>;

const isSettings = (value: unknown): value is Settings =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What the clusters of a site have in common, such as its mirrors, registries and proxy: the settings below `cluster` in a file
 * that names no nodes. What they may be is judged with the file that is made of them.
 * @param folder of the cluster file: paths that start at the site's folder are told from there
 * @throws ClusterConfigError
 */
export function readSite(path: string, folder: string): Settings {
  const refuse = (message: string) => new ClusterConfigError(path, [{ path: [], message }]);
  if (!existsSync(path))
    throw refuse("there is no such file; give one with the settings of your site below cluster");
  const data = readData(path);
  const others = isSettings(data) ? Object.keys(data).filter((name) => name !== "cluster") : [];
  if (others.length > 0)
    throw refuse(`a site has only cluster; remove ${others.join(", ")}, which init finds out`);
  if (!isSettings(data) || !isSettings(data.cluster))
    throw refuse("it has no settings; put them below cluster, as in docs/cluster-yaml.md");
  return moved(data.cluster, dirname(resolve(path)), folder) as Settings;
}

/** The same settings, with paths that start in another folder: those of fields whose names end in `_file`. */
function moved(value: unknown, from: string, to: string, name = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => moved(one, from, to));
  if (isSettings(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, moved(one, from, to, key)]),
    );
  if (typeof value !== "string" || !name.endsWith("_file") || from === to) return value;
  return /^(\/|~\/)/.test(value) ? value : relative(to, resolve(from, value));
}

/** Whom a site logs in as, and at which port, where it says so rightly. */
export function loginOf({ ssh }: Settings): Partial<Pick<Login, "user" | "port">> {
  if (!isSettings(ssh)) return {};
  const [name, at] = [user.safeParse(ssh.user), port.safeParse(ssh.port)];
  return { ...(name.success && { user: name.data }), ...(at.success && { port: at.data }) };
}

/** A cluster file with a site's settings in it, which win: what of the file they exclude goes. */
export function withSite(text: string, site: Settings): string {
  const document = parseDocument(text);
  const ssh = isSettings(site.ssh) ? site.ssh : {};
  const excluded = [
    ...(ssh.private_key_file !== undefined ? ["agent"] : []),
    ...(ssh.agent === true ? ["private_key_file"] : []),
    // Of two jump hosts no third is made.
    ...(ssh.bastion !== undefined ? ["bastion"] : []),
  ];
  for (const name of excluded) document.deleteIn(["cluster", "ssh", name]);
  const merge = (path: readonly string[], settings: Settings): void => {
    for (const [name, value] of Object.entries(settings)) {
      const at = [...path, name];
      if (isSettings(value) && isMap(document.getIn(at))) merge(at, value);
      else document.setIn(at, document.createNode(value));
    }
  };
  merge(["cluster"], site);
  return document.toString({ lineWidth: 0 });
}
