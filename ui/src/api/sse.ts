import { tellSignedOut } from "./client";

/** The server says something every 15 seconds; after this many milliseconds without a word the connection is dead. */
const SILENCE = 40_000;

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

type Reading = {
  headers?: Record<string, string>;
  signal: AbortSignal;
  /** The server has answered, and events come from now on. */
  opened?: () => void;
  /** What has arrived together. True: that was the last of it. */
  take: (events: readonly ServerEvent[]) => boolean | undefined;
};

/** One connection, until its end. cut: it can be tried again; so can a rejected one. gone: there is nothing for us at that address. */
export async function readEvents(
  address: string,
  { headers, signal, opened, take }: Reading,
): Promise<"ended" | "cut" | "gone"> {
  const dead = new AbortController();
  const answer = await fetch(address, {
    headers: { Accept: "text/event-stream", ...headers },
    signal: AbortSignal.any([signal, dead.signal]),
  });
  if (answer.status === 401) tellSignedOut();
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) return "gone";
  if (!answer.ok || answer.body === null) return "cut";
  opened?.();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const events = new EventReader();
  for (;;) {
    const silent = window.setTimeout(() => dead.abort(), SILENCE);
    const { value, done } = await reader.read().finally(() => window.clearTimeout(silent));
    if (done) return "cut";
    if (take(events.push(value))) return "ended";
  }
}
