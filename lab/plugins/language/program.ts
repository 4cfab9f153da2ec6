import { type RunRequest, RunResponse } from "@pulumi/pulumi/proto/language_pb";
import { spawnNode } from "./children";
import { nodeArguments, sdkRunner, typeScriptEnvironment } from "./project";

/** How the SDK's runner says that the program failed and that it has told the operator why. */
const alreadyReported = 32;

/** Runs the program to its end. Its output is this process's, and so the engine's to show. */
export function runProgram(request: RunRequest, engineAddress: string): Promise<RunResponse> {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getPwd();
  const child = spawnNode(
    [
      ...nodeArguments(info),
      sdkRunner("run", directory),
      ...runnerArguments(request, engineAddress),
    ],
    {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        ...typeScriptEnvironment(info),
        PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
        PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      },
    },
  );
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("exit", (code, signal) => {
      const response = new RunResponse();
      if (code === alreadyReported) response.setBail(true);
      else if (code === null) response.setError(`Program ended by ${signal}`);
      else if (code !== 0) response.setError(`Program exited with non-zero exit code: ${code}`);
      resolve(response);
    });
  });
}

function runnerArguments(request: RunRequest, engineAddress: string): string[] {
  const flags = {
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    pwd: request.getPwd(),
    "root-directory": request.getInfo()?.getRootDirectory(),
    parallel: String(request.getParallel()),
  };
  return [
    ...Object.entries(flags).flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    request.getInfo()?.getEntryPoint() || request.getProgram() || ".",
    ...request.getArgsList(),
  ];
}
