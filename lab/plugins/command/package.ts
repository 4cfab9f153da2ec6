import type { Package } from "../shared/provider";
import { remoteCommand } from "./remoteCommand";

/** Only `remote.Command`: local commands and copied files are not what a cluster is made of here. */
export const commandPackage: Omit<Package, "version"> = {
  name: "command",
  resource: (type) => (type === "command:remote:Command" ? remoteCommand : undefined),
};
