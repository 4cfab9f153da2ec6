/** What `act` writes to one of our streams. */
export async function written(stream: "stdout" | "stderr", act: () => Promise<unknown>) {
  const write = process[stream].write.bind(process[stream]);
  let text = "";
  process[stream].write = (chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  };
  try {
    await act();
  } finally {
    process[stream].write = write;
  }
  return text;
}
