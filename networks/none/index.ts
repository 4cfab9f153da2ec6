import { calico } from "../calico";
import { flannel } from "../flannel";
import { foreign } from "../foreign";
import type { NetworkPlugin, Traces } from "../plugin";
import { judgeNone } from "./judge";

const known: readonly Traces[] = [flannel.traces, calico.traces, foreign];

/** Another plugin is the operator's to install, after the `up`. Of what it makes, reset takes off what goes by a known name. */
export const none: NetworkPlugin = {
  name: "none",
  about: "none, where another is yours to install after the first up",
  folder: __dirname,
  modules: () => [],
  later: true,
  artifacts: () => [],
  services: [],
  files: () => [],
  library: "none-lib.sh",
  // Where those expect it that run as pods, and put their own programs there.
  programs: "/opt/cni/bin",
  ports: () => [],
  reached: "what your network plugin asks for",
  traces: {
    links: known.flatMap(({ links }) => links),
    tables: known.flatMap(({ tables }) => tables),
    chains: known.flatMap(({ chains }) => chains),
    folders: known.flatMap(({ folders }) => folders),
    routes: known.flatMap(({ routes = [] }) => routes),
  },
  roles: {},
  bindings: [],
  manifests: () => [],
  judge: judgeNone,
};
