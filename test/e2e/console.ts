import assert from "node:assert/strict";
import { must, type Result, run } from "./lab";

/** Runs a command on a machine as at its console: nobody dials it. */
export const atConsole = (node: string, command: string): Result =>
  run(`nsenter --all --target "$(lab/node list | awk '$1 == "${node}" { print $4 }')" bash -s`, {
    input: command,
  });
export const succeeds = ({ status, output }: Result) => assert.equal(status, 0, output);

/** From now on nobody can dial the machine. */
export const shut = (node: string) =>
  succeeds(
    atConsole(
      node,
      `nft -f - <<'END'
table inet undialled {
  chain input { type filter hook input priority -10; tcp dport 22 iifname != "lo" ct state new drop; }
}
END`,
    ),
  );
/** The suite's own eyes may look again. */
export const reopen = (node: string) =>
  succeeds(atConsole(node, "nft delete table inet undialled"));

/** Gives a machine what it needs to call. */
export const sowSeed = (node: string) =>
  succeeds(
    atConsole(
      node,
      must(`npm run --silent seed -- ${node} --format script --file .lab/cluster.yaml`),
    ),
  );
