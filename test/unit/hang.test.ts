import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { isSilent } from "../../ssh/hang";

const limit = { connect: 1, greeting: 0.3 };

describe("a machine is found to hang", () => {
  let server: Server;
  let sockets: Socket[];
  const listen = (serve: (socket: Socket) => void) =>
    new Promise<number>((resolve) => {
      sockets = [];
      server = createServer((socket) => {
        sockets.push(socket.on("error", () => undefined));
        serve(socket);
      });
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  afterEach(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });

  it("when it takes a connection and says nothing", async () => {
    const port = await listen(() => undefined);
    assert.equal(await isSilent("127.0.0.1", port, limit), true);
    assert.equal(sockets.length, 1);
  });

  it("not when it greets late, or ends the connection", async () => {
    const greets = await listen((socket) =>
      setTimeout(() => socket.write("SSH-2.0-OpenSSH\r\n"), 100),
    );
    assert.equal(await isSilent("127.0.0.1", greets, limit), false);
    server.close();
    const ends = await listen((socket) => socket.end());
    assert.equal(await isSilent("127.0.0.1", ends, limit), false);
  });

  it("not when it cannot be reached: the SSH client says so", async () => {
    const port = await listen(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await isSilent("127.0.0.1", port, limit), false);
    // Documentation addresses lead nowhere.
    assert.equal(await isSilent("192.0.2.1", 22, { ...limit, connect: 0.1 }), false);
  });
});
