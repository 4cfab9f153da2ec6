import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { OperatorError } from "../command";

const proxies = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];

/** Whether Node.js asks the proxies of its environment, as the commands' scripts in package.json tell it to. */
function asksProxies(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 21);
}

/** Why there is no answer, and what to do about it. */
function unanswered(url: string, reason: string): OperatorError {
  const named = proxies.find((name) => process.env[name]);
  const old =
    named === undefined || asksProxies(process.versions.node)
      ? ""
      : `; Node.js ${process.versions.node} knows no ${named}, 22.21 and later do`;
  return new OperatorError(
    `${url} cannot be downloaded: ${reason}; check cluster.artifacts.base_url and the network, and name a private CA in NODE_EXTRA_CA_CERTS${old}`,
  );
}

/**
 * What a server answers, by the proxies that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name.
 * @param use what is made of the answer; breaks off with the connection
 * @throws OperatorError when there is none, or one that says no
 */
export async function ask<T>(
  url: string,
  use: (response: Response) => Promise<T>,
  init: RequestInit = {},
): Promise<T> {
  try {
    const response = await fetch(url, init);
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    return await use(response);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    // fetch hides the reason, such as an unknown certificate, in the cause.
    const { message, cause } = error as Error;
    throw unanswered(url, cause instanceof Error ? cause.message || String(cause) : message);
  }
}

export const askText = (url: string): Promise<string> => ask(url, (response) => response.text());

const bodyOf = ({ body }: Response): Readable => {
  if (body === null) throw new Error("an empty answer");
  return Readable.fromWeb(body as ReadableStream);
};

/** SHA-256 of what is behind a URL, in hex. */
export const checksumOf = (url: string): Promise<string> =>
  ask(url, async (response) => {
    const hash = createHash("sha256");
    await pipeline(bodyOf(response), hash);
    return hash.digest("hex");
  });

/**
 * Puts what is behind a URL at `path`, whole or not at all.
 * @throws OperatorError when it is not what was asked for
 */
export async function download(url: string, path: string, sha256: string): Promise<void> {
  const part = `${path}.part`;
  mkdirSync(dirname(path), { recursive: true });
  const hash = createHash("sha256");
  try {
    await ask(url, (response) =>
      pipeline(
        bodyOf(response),
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(part),
      ),
    );
    const found = hash.digest("hex");
    if (found !== sha256) {
      throw new OperatorError(
        `${url} is not what was asked for: its SHA-256 is ${found}, and should be ${sha256}; the server or the checksum is wrong, and nothing of it was kept`,
      );
    }
    renameSync(part, path);
  } finally {
    rmSync(part, { force: true });
  }
}
