import { X509Certificate } from "node:crypto";
import { type FromFile, readOperatorFile, textIn } from "./operatorFile";
import type { ClusterFile } from "./schema";

/** Where images of a registry come from, as its `hosts.toml` says. */
export interface RegistryPlan {
  /** As in image names, with a port where it has one; `_default`: of all that have no entry. */
  readonly host: string;
  readonly mirrors: readonly MirrorPlan[];
  /** Authorities in PEM that sign the registry's own certificate; absent: those the node trusts anyway. */
  readonly ca?: string;
  readonly skipVerify: boolean;
  /** Who logs in there, be it asked itself or as a mirror. */
  readonly login?: { readonly username: string; readonly password: string };
}

export interface MirrorPlan {
  readonly url: string;
  readonly overridePath: boolean;
  /** Host of the URL, which may have an entry of its own. */
  readonly host: string;
  /** Whether that entry names authorities. */
  readonly hasCa: boolean;
  readonly skipVerify: boolean;
}

type Cluster = Pick<ClusterFile["cluster"], "registries" | "registry_mirrors">;

/** Host and port of a URL, as image names and containerd have them. */
export const hostOf = (url: string): string => new URL(url).host;

/** Every registry of the file, in order of their names. */
export function deriveRegistries(
  { registries, registry_mirrors }: Cluster,
  baseDir: string,
): RegistryPlan[] {
  const hosts = [...new Set([...Object.keys(registries), ...Object.keys(registry_mirrors)])].sort();
  return hosts.map((host) => {
    const own = registries[host];
    const short = (registry_mirrors[host] ?? []).map((url) => ({ url, override_path: false }));
    const mirrors = [...(own?.mirrors ?? []), ...short].map(({ url, override_path }) => {
      const its = registries[hostOf(url)];
      return {
        url,
        overridePath: override_path,
        host: hostOf(url),
        hasCa: its?.ca_file !== undefined,
        skipVerify: its?.skip_verify ?? false,
      };
    });
    const { username, password_file, ca_file } = own ?? {};
    return {
      host,
      mirrors,
      skipVerify: own?.skip_verify ?? false,
      ...(ca_file !== undefined && { ca: textIn(ca_file, readCertificates(ca_file, baseDir)) }),
      ...(username !== undefined &&
        password_file !== undefined && {
          login: {
            username,
            password: textIn(password_file, readPassword(password_file, baseDir)),
          },
        }),
    };
  });
}

/** A password of one line: a line end behind it is the editor's. */
export function readPassword(file: string, baseDir: string): FromFile {
  const read = readOperatorFile(file, baseDir, "a file with the password");
  if ("problem" in read) return read;
  const text = read.text.replace(/\r?\n$/, "");
  if (text === "") return { problem: `is empty${read.where}; write the password into it` };
  const remedy = "leave the password alone in it";
  if (/[\r\n]/.test(text)) return { problem: `holds more than one line${read.where}; ${remedy}` };
  // Which a TOML string does not hold, or only written otherwise.
  return /\p{Cc}/u.test(text)
    ? { problem: `holds control characters${read.where}; ${remedy}` }
    : { text };
}

/** Certificates in PEM. */
export function readCertificates(file: string, baseDir: string): FromFile {
  const read = readOperatorFile(file, baseDir, "a file with certificates");
  if ("problem" in read) return read;
  const found = read.text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  const isPem = found?.every((one) => isCertificate(one)) ?? false;
  if (!isPem) return { problem: `holds no certificate in PEM${read.where}; give the authority's` };
  return /PRIVATE KEY-----/.test(read.text)
    ? { problem: `holds a private key${read.where}; leave the certificates alone in it` }
    : { text: read.text.endsWith("\n") ? read.text : `${read.text}\n` };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
