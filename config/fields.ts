import ipaddr from "ipaddr.js";
import { z } from "zod";
import { hostKeyProblem, normalizeHostKey } from "./hostKey";
import { parseAddress, withoutHost } from "./ipv4";

/**
 * The kinds of values in a cluster file. Messages go on from the offending value: `10.0.0.300` + `is not an IPv4
 * address; give ...`: the rule first, then the remedy.
 */

const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const hostNamePattern = new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*$`);
const octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const ipv4Pattern = new RegExp(`^(${octet}\\.){3}${octet}$`);

/** A string for which `problem` finds nothing. */
export function checked(problem: (value: string) => string | undefined) {
  return z.string().check((ctx) => {
    const message = problem(ctx.value);
    if (message !== undefined) ctx.issues.push({ code: "custom", message, input: ctx.value });
  });
}

/**
 * A text that programs may give as a number or a truth value, too; in files it is as written.
 * @param of the text, when it is one
 */
export function textOf(of: z.ZodString) {
  const isWord = (value: unknown) => typeof value === "number" || typeof value === "boolean";
  return z.preprocess((value) => (isWord(value) ? String(value) : value), of);
}

/** RFC 1123 label: the name of a cluster or a group. */
export const name = nameOf(63, "");

/** The name of a node, beside `system:node:` in certificates, where X.509 allows 64 characters. */
export const nodeName = nameOf(52, " (certificates have room for no more)");

function nameOf(length: number, why: string) {
  return z
    .string()
    .max(length, { error: badName(length, why), abort: true })
    .regex(new RegExp(`^${label}$`), badName(length, why));
}

function badName(length: number, why: string): string {
  return `is not a valid name; give at most ${length} lower-case letters, digits and dashes${why}, with a letter or digit at both ends`;
}

export const user = z
  .string()
  .regex(
    /^[a-z_][a-z0-9_.-]{0,31}$/,
    "is not a user name; give at most 32 lower-case letters, digits, dashes, dots and underscores, such as root",
  );

/** A host's name, with or without domain. */
export const hostname = z
  .string()
  .max(63, "is longer than 63 characters; give a shorter host name")
  .regex(
    hostNamePattern,
    "is not a valid host name; give lower-case letters, digits, dashes and dots, such as master-01.example.org",
  );

export const nodeAddress = z
  .ipv4({
    error: ({ input }) =>
      typeof input === "string" && hostNamePattern.test(input) && !/^[\d.]+$/.test(input)
        ? "is a name; give the node's IPv4 address here, and the name as ssh.host if it is the one to dial"
        : "is not an IPv4 address; give four numbers from 0 to 255, such as 10.0.0.11",
    abort: true,
  })
  .refine((ip) => !isReserved(ip), {
    error: "is not an address a machine can have on a network; give the node's own address",
  });

/** A server that pods and nodes ask. */
export const serverAddress = z
  .ipv4({
    error: "is not an IPv4 address; give four numbers from 0 to 255, such as 10.0.0.53",
    abort: true,
  })
  .refine((ip) => !isReserved(ip), {
    error: "is not an address that pods can reach; give the server's address on its network",
  });

/** An address of a machine on one of its interfaces, with or without the length of the network's prefix. */
export const interfaceAddress = checked((value) => {
  const [address = "", prefix, ...more] = value.split("/");
  if (
    !ipv4Pattern.test(address) ||
    more.length > 0 ||
    !/^([1-9]|[12]\d|3[0-2])$/.test(prefix ?? "32")
  )
    return "is not an IPv4 address with a prefix length; give one such as 10.0.0.11/24";
  if (isReserved(address)) return "is not an address a machine can have on a network; give its own";
  const size = prefix === undefined ? undefined : Number(prefix);
  if (size === undefined || size > 30) return undefined;
  const [ends, broadcast] = [
    ipaddr.IPv4.networkAddressFromCIDR(value).toString(),
    ipaddr.IPv4.broadcastAddressFromCIDR(value).toString(),
  ];
  return address === ends || address === broadcast
    ? "is the first or last address of its network, which no machine can have; give the machine's own"
    : undefined;
});

/** Loopback, multicast and "this network": other nodes could not reach it. */
function isReserved(ip: string): boolean {
  const [first = 0] = parseAddress(ip).octets;
  return first === 0 || first === 127 || first >= 224;
}

export const network = z
  .cidrv4({
    error: "is not an IPv4 network; give an address and a prefix length, such as 10.244.0.0/16",
    abort: true,
  })
  .check((ctx) => {
    const clean = withoutHost(ctx.value);
    if (clean === ctx.value) return;
    const message = `has bits set behind its prefix; give ${clean}`;
    ctx.issues.push({ code: "custom", message, input: ctx.value });
  });

/** An address or a host name. */
export const host = z
  .string()
  .refine(
    (value) => isHost(value),
    "is neither an IPv4 address nor a host name; give one of these",
  );

/** Whether it is an IPv4 address or a host name. */
export function isHost(value: string): boolean {
  // Digits and dots alone are an address, and as such may be a wrong one.
  return /^[\d.]+$/.test(value) ? ipv4Pattern.test(value) : hostNamePattern.test(value);
}

/** `host[:port]`. */
export const endpoint = z.string().refine((value) => {
  const [name = "", port, ...more] = value.split(":");
  return isHost(name) && more.length === 0 && (port === undefined || isPort(port));
}, "is not host[:port]; give an address or a host name, without https://, such as api.example.org:6443");

export const ntpServer = z
  .string()
  .refine(
    isHost,
    "is not a server; give an address or a host name without a port, such as ntp.example.org",
  );

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65535;
}

const portRange = "is not a TCP port; give a number from 1 to 65535";
export const port = z.number().int().min(1, portRange).max(65535, portRange);

export const hostKey = checked(hostKeyProblem).transform(normalizeHostKey);

/** An address of files or images on the web, without credentials; a slash at its end is dropped. */
export const baseUrl = checked((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || /\s/.test(value)) {
    return "is not a URL; give one that begins with https:// or http://, such as https://mirror.example.org";
  }
  if (url.username || url.password) {
    return "holds credentials, which would show in the preview and on the nodes; give a URL without user and password";
  }
  return url.search || url.hash
    ? "has a query or a fragment; give a URL that paths can be appended to"
    : undefined;
}).transform((value) => value.replace(/\/+$/, ""));

/** Where a proxy listens. */
export const proxyUrl = checked((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  // What a browser would mend, such as http:\\proxy, the programs on the nodes take otherwise.
  if (!url || !/^https?:\/\/[^/\\\s][^\\\s]*$/i.test(value) || !isProxyHost(url.hostname)) {
    return "is not the URL of a proxy; give one that begins with http:// or https://, such as http://proxy.example.org:3128";
  }
  if (url.username || url.password) {
    return "holds credentials, which would show in the preview and on the nodes; have the proxy know the nodes by their addresses, or run one beside them that logs in";
  }
  return url.pathname !== "/" || url.search || url.hash
    ? "is more than a proxy's host and port; give it without path, such as http://proxy.example.org:3128"
    : undefined;
}).transform((value) => {
  const { protocol, hostname } = new URL(value);
  // A URL forgets the port 80 of http, without which curl takes 1080.
  const port = /:\d+(?=[/?#.]*$)/.exec(value)?.[0] ?? "";
  return `${protocol}//${hostname}${port}`;
});

/** A name or address, as a URL has it: one of IPv6 in brackets, which it has seen to be right. */
const isProxyHost = (name: string) => isHost(name) || name.startsWith("[");

/** What is asked without a proxy: an address, a network, a name, or a domain with a dot before it. */
export const proxyException = checked((value) =>
  isHost(value.replace(/^\./, "")) || z.cidrv4().safeParse(value).success
    ? undefined
    : "is no name, domain, address or network; give one such as registry.example.org, .example.org, 10.0.0.5 or 10.0.0.0/8",
);

/** An image by its full name, with tag, digest or both. */
export const imageName = checked((value) => {
  const [, host = "", rest = ""] = /^([^/]+)\/(.+)$/.exec(value) ?? [];
  if (!/[.:]/.test(host) || problemOfRegistry(host) !== undefined) {
    return "does not begin with a registry's host name; give the image in full, such as registry.k8s.io/pause:3.10.1";
  }
  return /^[a-z0-9]+([._/-]+[a-z0-9]+)*(?=[:@])(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/.test(
    rest,
  )
    ? undefined
    : "is not an image with tag or digest; give it in full, such as registry.k8s.io/pause:3.10.1";
});

function problemOfRegistry(value: string): string | undefined {
  const [name = "", port, ...more] = value.split(":");
  return isHost(name) && more.length === 0 && (port === undefined || isPort(port))
    ? undefined
    : "is not a registry's host name; give it as in image names, without https://, such as registry.k8s.io";
}

/** Host name of a registry, with a port where it has one; `_default` is any. */
export const registryName = checked((value) =>
  value === "_default" ? undefined : problemOfRegistry(value),
);

export const sha256 = z
  .string()
  .regex(
    /^[0-9a-fA-F]{64}$/,
    "is not a SHA-256 checksum; give 64 hexadecimal digits, as sha256sum prints them",
  )
  .transform((value) => value.toLowerCase());

export const macAddress = z
  .string()
  .regex(
    /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/,
    "is not a MAC address; give six bytes with colons, such as 52:54:00:12:34:56",
  )
  .transform((value) => value.toLowerCase());

export const privateKeyFile = z
  .string()
  .describe(
    "File with an SSH private key without passphrase; relative to this file's folder, or below ~/.",
  );

export const secretFile = z.string().min(1, "is empty; give the path of a file, or leave it out");

/** Number of a key or of authorities, which the file counts. */
export const counter = (meaning: string) =>
  z
    .number()
    .int()
    .min(1, "is too small; give 1 for what the cluster was born with")
    .max(1000, "is too large; give one more than before")
    .default(1)
    .describe(meaning);
