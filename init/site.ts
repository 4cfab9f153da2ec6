import { existsSync } from "node:fs";
import { isMap, parseDocument } from "yaml";
import { ClusterConfigError } from "../config/issues";
import { readData } from "../config/read";

type Settings = Readonly<Record<string, unknown>>;

const isSettings = (value: unknown): value is Settings =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * What the clusters of a site have in common, such as its mirrors, registries and proxy: the settings below `cluster` in a file
 * that names no nodes. What they may be is judged with the file that is made of them.
 * @throws ClusterConfigError
 */
export function readSite(path: string): Settings {
  const refuse = (message: string) => new ClusterConfigError(path, [{ path: [], message }]);
  if (!existsSync(path))
    throw refuse("there is no such file; give one with the settings of your site below cluster");
  const data = readData(path);
  const others = isSettings(data) ? Object.keys(data).filter((name) => name !== "cluster") : [];
  if (others.length > 0)
    throw refuse(`a site has only cluster; remove ${others.join(", ")}, which init finds out`);
  if (!isSettings(data) || !isSettings(data.cluster))
    throw refuse("it has no settings; put them below cluster, as in docs/cluster-yaml.md");
  return data.cluster;
}

/** A cluster file with a site's settings in it, which win. */
export function withSite(text: string, site: Settings): string {
  const document = parseDocument(text);
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
