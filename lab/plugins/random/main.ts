import { version } from "@pulumi/random/package.json";
import { serveProvider } from "../shared/provider";
import { randomResource } from "./resources";

serveProvider({ name: "random", version, resource: randomResource });
