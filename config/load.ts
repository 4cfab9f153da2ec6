import { derivePlan } from "./derive";
import { ClusterConfigError } from "./issues";
import type { ClusterPlan } from "./plan";
import { readClusterFile } from "./read";

/**
 * The cluster a file describes.
 * @param path of the YAML file, absolute or from the working directory
 * @throws ClusterConfigError with everything that is wrong with the file
 */
export function loadCluster(path: string): ClusterPlan {
  const { file, issues, baseDir } = readClusterFile(path);
  if (file === undefined || issues.length > 0) throw new ClusterConfigError(path, issues);
  return derivePlan(file, baseDir);
}
