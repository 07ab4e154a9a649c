/** One event of a stream, as the wire has it. */
export type ServerEvent = { id: string | null; event: string; data: string };

/** Cuts a stream of text into events, however it arrives in pieces (WHATWG: Server-sent events, interpretation). */
export class EventReader {
  private rest = "";

  push(text: string): ServerEvent[] {
    const blocks = (this.rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => parsed(block));
  }
}

function parsed(block: string): ServerEvent[] {
  let id: string | null = null;
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    if (at === 0) continue; // a comment: the server's ping
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (name === "id") id = value;
    else if (name === "event") event = value;
    else if (name === "data") data.push(value);
  }
  return data.length ? [{ id, event, data: data.join("\n") }] : [];
}
