/**
 * A client that writes numbered entries without pause until it gets SIGTERM, then reads all of them back:
 *
 *   writerProcess.ts api    ConfigMaps in the namespace $WRITER_NAMESPACE, ten a second, to any master of $KUBECONFIG
 *   writerProcess.ts secrets   the same with Secrets
 *   writerProcess.ts ceph   lines of objects in a Ceph pool, by way of any machine that $WRITER_NODES names
 *
 * It prints one JSON object a line: `{"n":1,"at":MILLISECONDS}` when number 1 is acknowledged,
 * `{"n":2,"failed":"why","at":...}` when five seconds of trying did not do, and at last `{"lost":[...]}`: the
 * acknowledged numbers that are not there.
 */
import { apiStore } from "./writerApi";
import { cephStore } from "./writerCeph";

/** Where numbers are put. */
export interface Store {
  /** One attempt; resolves when the store has acknowledged the number. Each attempt may go to another server. */
  put(n: number): Promise<void>;
  /** All numbers that are there. */
  readBack(): Promise<ReadonlySet<number>>;
  /** Milliseconds from one write to the next. */
  readonly every: number;
}

/** Milliseconds for which a client goes on trying one write. */
const patience = 5000;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function put(store: Store, n: number): Promise<string | undefined> {
  const deadline = Date.now() + patience;
  for (let attempt = 1; ; attempt++) {
    try {
      await store.put(n);
      return undefined;
    } catch (error) {
      if (Date.now() > deadline) return (error as Error).message;
      // The next server at once; after a round of them not as fast as the processor can.
      if (attempt % 3 === 0) await pause(100);
    }
  }
}

async function readBack(store: Store): Promise<ReadonlySet<number>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.readBack();
    } catch (error) {
      if (attempt === 20) throw error;
      await pause(1000);
    }
  }
}

async function main(kind: string | undefined): Promise<void> {
  const store =
    kind === "ceph" ? cephStore() : apiStore(kind === "secrets" ? "secrets" : "configmaps");
  const acknowledged: number[] = [];
  let ending = false;
  process.once("SIGTERM", () => (ending = true));
  for (let n = 1; !ending; n++) {
    const began = Date.now();
    const failed = await put(store, n);
    if (failed === undefined) acknowledged.push(n);
    tell({ n, at: Date.now(), failed });
    await pause(Math.max(0, began + store.every - Date.now()));
  }
  const there = await readBack(store);
  tell({ lost: acknowledged.filter((n) => !there.has(n)) });
  process.exit(0);
}

void main(process.argv[2]);
