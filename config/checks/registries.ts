import type { Issue, Path } from "../issues";
import { hostOf, readCertificates, readPassword } from "../registries";
import type { Check } from "./types";

const place = ["cluster", "registries"];

/** Whom nodes believe for an image, and that the files are there which say how to log in. */
export const registries: Check = ({ cluster }, baseDir) => {
  const entries = Object.entries(cluster?.registries ?? {}).map(([host, own = {}]) => ({
    host,
    own,
  }));
  const short = Object.entries(cluster?.registry_mirrors ?? {});
  const skips = (host: string) =>
    entries.some((entry) => entry.host === host && entry.own.skip_verify);
  const issues: Issue[] = [];
  const say = (path: Path, message: string) => issues.push({ path, message });
  const judgeUrl = (path: Path, url: string | undefined) => {
    if (url === undefined || !url.startsWith("http://") || skips(hostOf(url))) return;
    say(
      path,
      `${url} is not encrypted, so that whoever is on the way could answer with an image of his own; give https://, or accept it with cluster.registries["${hostOf(url)}"].skip_verify: true`,
    );
  };
  for (const { host, own } of entries) {
    const at = [...place, host];
    const { username, password_file, ca_file, mirrors = [] } = own;
    if (host === "_default") {
      for (const key of ["username", "password_file", "ca_file", "skip_verify"] as const)
        if (own[key])
          say(
            [...at, key],
            "is of one host, and _default is none; write it at the host's own name",
          );
    }
    if (username !== undefined && password_file === undefined)
      say([...at, "password_file"], "is missing; give the file with the password of username");
    if (username === undefined && password_file !== undefined)
      say([...at, "username"], "is missing; give the user whose password is in password_file");
    const files = [
      ["password_file", password_file, readPassword],
      ["ca_file", ca_file, readCertificates],
    ] as const;
    for (const [key, file, read] of files) {
      const found = file === undefined ? undefined : read(file, baseDir);
      if (found && "problem" in found) say([...at, key], `${file} ${found.problem}`);
    }
    mirrors.forEach((mirror, i) => judgeUrl([...at, "mirrors", i, "url"], mirror?.url));
  }
  for (const [host, urls = []] of short) {
    const at = ["cluster", "registry_mirrors", host];
    urls.forEach((url, i) => judgeUrl([...at, i], url));
    if (entries.some((entry) => entry.host === host && (entry.own.mirrors?.length ?? 0) > 0))
      say(at, `is there in cluster.registries["${host}"].mirrors, too; leave it in one of the two`);
  }
  return issues;
};
