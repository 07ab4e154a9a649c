import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Entry, read, write } from "./po.ts";
import { type Found, search } from "./source.ts";

/** What the code says now, with what was translated before. */
export function catalogue({ messages }: Found, language: string, before: readonly Entry[]): string {
  const kept = new Map(before.map((entry) => [entry.message, entry]));
  const entries = [...messages.keys()].sort().map((message) => ({
    message,
    translation: "",
    ...kept.get(message),
    files: [...(messages.get(message) ?? [])].sort(),
  }));
  return write(entries, language);
}

/** `messages.pot`, and every language beside it. */
function update(): void {
  const found = search();
  const folder = new URL("./", import.meta.url);
  writeFileSync(new URL("messages.pot", folder), catalogue(found, "", []));
  for (const name of readdirSync(folder).filter((each) => each.endsWith(".po"))) {
    const path = new URL(name, folder);
    writeFileSync(path, catalogue(found, name.slice(0, -3), read(readFileSync(path, "utf8"))));
  }
  process.stdout.write(`${found.messages.size} messages\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) update();
