/** What it means that a program ended so, where that tells more than the program. */
export function endingOf(status: number | undefined, signal?: string): string | undefined {
  if (status === undefined)
    return "the connection was lost while it ran. Run 'pulumi up' again, which does what is left; if it stays, see whether the machine restarts (last -x), or a firewall cuts quiet connections";
  if (signal === "KILL" || status === 137)
    return "it was killed, mostly for want of memory: see 'journalctl -k | grep -i oom' there; give the machine more memory, or take from it what else runs, and run 'pulumi up' again";
  if (status === 124)
    return "it had no more time. See there what is slow, and run 'pulumi up' again";
  return undefined;
}
