import { version } from "@pulumi/command/package.json";
import { serveProvider } from "../shared/provider";
import { commandPackage } from "./package";

serveProvider({ ...commandPackage, version });
