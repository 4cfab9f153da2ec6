/** What a program fails with that ends as the engine would end it; undefined: it does not. */
export async function failure(run: () => Promise<unknown>): Promise<string | undefined> {
  const listeners = process.listeners("unhandledRejection");
  const errors: Error[] = [];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (error: Error) => errors.push(error));
  try {
    await run().catch((error: Error) => errors.push(error));
    await new Promise(setImmediate);
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  return errors[0]?.message;
}
