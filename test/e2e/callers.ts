import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { on, root, run } from "./lab";

/** What it took to let machines in that called at once. */
export interface Calls {
  /** Seconds from the first call until the last honest caller answered at its address. */
  readonly seconds: number;
  /** How many of the honest did. */
  readonly connected: number;
  /** Bytes that all sshd of the master take with all of them connected. */
  readonly memory: number;
}

const folder = join(root, ".lab/callers");

/** Where those come from who do harm. */
const elsewhere = "10.77.0.9";
const dial = `import socket, time; s = socket.create_connection(("10.77.0.11", 7022), 60, ("${elsewhere}", 0))`;
const stalls = `${dial}; time.sleep(300)`;
const babbles = `${dial}; [s.send(bytes(range(256)) * 400) for _ in range(1000)]`;

/**
 * Has machines call a master's join service, all at once, with OpenSSH's client: each with a key of its own, which the master
 * expects, beside others who are slow, talk nonsense or have a key that nobody expects.
 */
export function callAtOnce(master: string, honest: number, hostile: number): Calls {
  const address = (i: number) => `127.63.${i >> 8}.${i & 255}:7023`;
  const lines = run(
    `set -e; rm -rf ${folder}; mkdir -p ${folder}; cd ${folder}
    for i in $(seq ${honest}); do ssh-keygen -q -t ed25519 -N '' -C caller -f key-$i; cat key-$i.pub; done
    ssh-keygen -q -t ed25519 -N '' -f stranger`,
  ).stdout.trim();
  const callers = lines
    .split("\n")
    .map((key, i) => `restrict,port-forwarding,permitlisten="${address(i + 1)}" ${key}`);
  const list = "/etc/groundwork/join-service/callers";
  run(`lab/ssh ${master} 'cp ${list} /root/callers; cat >>${list}'`, {
    input: `${callers.join("\n")}\n`,
  });
  const ssh =
    "ssh -F none -N -T -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ExitOnForwardFailure=yes -p 7022";
  const to = "groundwork-join@10.77.0.11";
  const look = (command: string) => `${join(root, "lab/ssh")} ${master} "${command}"`;
  // A session of its own, so that all of it ends together.
  writeFileSync(
    join(folder, "call.sh"),
    `cd ${folder}
    began=$(date +%s%N)
    ip address add ${elsewhere}/24 dev groundwork0
    for i in $(seq ${hostile}); do
      case $((i % 3)) in
        0) python3 -c '${stalls}' & ;;
        1) python3 -c '${babbles}' & ;;
        2) while :; do ${ssh} -b ${elsewhere} -i stranger ${to}; sleep 1; done & ;;
      esac
    done
    for i in $(seq ${honest}); do
      # As systemd does: whoever is not let in calls again.
      while :; do ${ssh} -i key-$i -R 127.63.$((i >> 8)).$((i & 255)):7023:127.0.0.1:22 ${to}; sleep 5; done &
    done
    there=0
    for tries in $(seq 600); do
      there=$(${look("ss -Hltn 'sport = :7023' | grep -c '127\\.63\\.'")})
      [ "$there" -lt ${honest} ] || break
      sleep 0.5
    done
    echo "$there $((($(date +%s%N) - began) / 1000000)) $(${look("cat \\$(pgrep sshd | sed 's,.*,/proc/&/smaps_rollup,') | awk '/^Pss:/ { kib += \\$2 } END { print kib * 1024 }'")})" >result
    ip address delete ${elsewhere}/24 dev groundwork0
    kill -9 -- -$$`,
  );
  run(`cd ${folder}; setsid --wait bash call.sh </dev/null >/dev/null 2>&1`, { seconds: 900 });
  const [connected = 0, milliseconds = 0, memory = 0] = readFileSync(join(folder, "result"), "utf8")
    .split(" ")
    .map(Number);
  on(master, `cp /root/callers ${list}; rm /root/callers; pkill -u groundwork-join sshd || true`);
  return { seconds: milliseconds / 1000, connected, memory };
}
