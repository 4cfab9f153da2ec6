import { version } from "@pulumi/pulumi/package.json";
import { serve } from "../shared/serve";
import { killChildren } from "./children";
import { addLanguageRuntime } from "./service";

const engineAddress = process.argv.at(-1) ?? "";
serve((server) => addLanguageRuntime(server, { engineAddress, version }), killChildren);
