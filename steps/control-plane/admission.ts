import { localApi } from "../../config/ports";
import type { NodeFile } from "../step";
import { powerless, renderUnit, resilient, sandbox, unitFile } from "../unit";

/** Certificate and key it asks the API server with. */
export const admissionClient = "/etc/kubernetes/pki/approver.pem";

/** A folder that Python runs. */
const program = "/usr/local/lib/groundwork/admission";
/** Its files. */
export const admissionProgram = [`${program}/__main__.py`, `${program}/judge.py`] as const;

/** What answers kubelets' certificate requests. Every master has it, so that it goes on with any of them down. */
export function admissionFiles(): NodeFile[] {
  const [main, judge] = admissionProgram;
  return [
    { path: main, part: "admission.py", mode: "0644" },
    { path: judge, part: "judge.py", mode: "0644" },
    { ...unitFile("groundwork-admission", admissionUnit()), constant: true },
  ];
}

function admissionUnit(): string {
  return renderUnit({
    Unit: {
      Description: "Admission of nodes",
      After: "network-online.target kube-apiserver.service",
      Wants: "network-online.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      // A user that is nobody else's and owns nothing: systemd reads the key for it.
      DynamicUser: "yes",
      LoadCredential: `client.pem:${admissionClient}`,
      ExecStart: `/usr/bin/python3 -IB ${program} ${localApi} /etc/kubernetes/pki/ca.crt \${CREDENTIALS_DIRECTORY}/client.pem`,
      MemoryMax: "256M",
      TasksMax: 16,
      ...resilient,
      ...sandbox(),
      ...powerless,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
