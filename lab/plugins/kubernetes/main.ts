import { version } from "@pulumi/kubernetes/package.json";
import { serveProvider } from "../shared/provider";
import { kubernetesPackage } from "./package";

serveProvider({ ...kubernetesPackage(), version });
