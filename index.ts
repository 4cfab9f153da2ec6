import * as pulumi from "@pulumi/pulumi";
import { Cluster } from "./components/cluster";
import { exportsOf } from "./components/outputs";
import { loadCluster } from "./config/load";

// Pulumi's SDK writes out a stack trace for every promise, through source maps: a third of the program's time. One frame
// still tells where an error comes from.
Error.stackTraceLimit = Math.min(Error.stackTraceLimit, 1);

const config = new pulumi.Config();
const file = config.get("clusterFile") ?? "cluster.yaml";

const cluster = new Cluster("cluster", {
  plan: loadCluster(file),
  protect: config.getBoolean("protect"),
  // The names of resources in stacks that are older than the component.
  prefix: "",
  exported: true,
  file,
});

export = exportsOf(cluster);
