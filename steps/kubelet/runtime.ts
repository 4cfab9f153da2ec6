import { runtimeFolder, type Versions } from "../../config/artifacts";
import type { NodeFile } from "../step";
import { renderUnit } from "../unit";

/**
 * What has systemd start another containerd than the distribution's, and that another runc; nothing where both are the distribution's.
 * A container goes on with the PATH, and so with the runc, that its shim was started with.
 */
export function runtimeFiles({ containerd, runc }: Versions): NodeFile[] {
  const folders = [
    ...(containerd === undefined ? [] : [runtimeFolder("containerd", containerd)]),
    ...(runc === undefined ? [] : [runtimeFolder("runc", runc)]),
  ];
  if (folders.length === 0) return [];
  const path = [...folders, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
  return [
    {
      path: "/etc/systemd/system/containerd.service.d/groundwork-version.conf",
      content: renderUnit({
        Service: {
          Environment: `PATH=${path.join(":")}`,
          ...(containerd !== undefined && {
            ExecStart: ["", `${runtimeFolder("containerd", containerd)}/containerd`],
          }),
        },
      }),
    },
  ];
}
