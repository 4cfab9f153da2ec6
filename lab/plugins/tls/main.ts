import { version } from "@pulumi/tls/package.json";
import { serveProvider } from "../shared/provider";
import { tlsPackage } from "./package";

serveProvider({ ...tlsPackage, version });
