import type { Client } from "ssh2";

/** The parts of an ssh2 client that send a channel's requests. */
interface Internals {
  readonly _protocol: {
    env(channel: number, name: string, value: string, wantReply: boolean): void;
    exec(channel: number, command: string, wantReply: boolean): void;
  };
  readonly _chanMgr: {
    get(channel: number): { _callbacks: ((refused: boolean) => void)[]; close(): void };
  };
}

/**
 * Makes the client's next `exec` wait for the server's answer to every environment variable, and not run if one that is
 * `required` was refused. ssh2 itself sends variables without asking for an answer.
 */
export function awaitEnvironment(
  client: Client,
  required: (name: string) => boolean,
  onRefused: (name: string) => void,
): void {
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Internals;
  const env = protocol.env.bind(protocol);
  const exec = protocol.exec.bind(protocol);
  const answers: Promise<boolean>[] = [];
  protocol.env = (channel, name, value) => {
    answers.push(
      new Promise((resolve) => {
        channels.get(channel)._callbacks.push((refused) => {
          if (refused) onRefused(name);
          resolve(refused && required(name));
        });
      }),
    );
    env(channel, name, value, true);
  };
  protocol.exec = (channel, command, wantReply) => {
    void Promise.all(answers).then((refusals) => {
      if (refusals.includes(true)) client.end();
      else exec(channel, command, wantReply);
    });
  };
}
