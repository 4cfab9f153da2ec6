import type { ClusterPlan } from "../../config/plan";
import type { Installation } from "../../networks/plugin";
import type { Step } from "../step";

/** Runs on a master when nodes may join: the network plugin's manifest is applied, with what is the cluster's own in it. */
export function networkPlugin(
  cluster: ClusterPlan,
  { manifest, version, images, settings, daemonSet, library }: Installation,
): Step<"TARGET" | "PLUGIN" | "PLUGIN_VERSION" | "MANIFEST" | "DAEMON_SET" | "SETTINGS"> {
  return {
    script: "network-plugin",
    libraries: [library],
    variables: {
      TARGET: "all nodes",
      PLUGIN: cluster.networking.plugin,
      PLUGIN_VERSION: version(cluster.versions),
      MANIFEST: manifest,
      DAEMON_SET: daemonSet,
      SETTINGS: JSON.stringify({ images: images(cluster), ...settings(cluster) }, null, 2),
    },
    // One node after the other follows another version.
    timeout: 7200,
  };
}
