// Apart, because it takes longer to load than everything else, and so that a bundler sees how little of it is used.
export { KubeConfig } from "@kubernetes/client-node";
