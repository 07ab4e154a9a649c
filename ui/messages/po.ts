/* Catalogues are PO files, which translators' tools read: msgid is the message as it stands in the code, msgstr its translation. */

export type Entry = {
  message: string;
  translation: string;
  files: readonly string[];
  /** To be looked at by a translator before it is used. */
  fuzzy?: boolean;
};

const HEADER = [
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=UTF-8",
  "Content-Transfer-Encoding: 8bit",
];

/** The entries of a file, without its header. Raises for a line that is none of PO. */
export function read(text: string): Entry[] {
  const found: Entry[] = [];
  let files: string[] = [];
  let message: string | null = null;
  let translation: string | null = null;
  let fuzzy = false;
  const end = () => {
    if (message) found.push({ message, translation: translation ?? "", files, ...(fuzzy && { fuzzy }) });
    files = [];
    fuzzy = false;
    message = translation = null;
  };
  for (const line of text.split(/\r?\n/)) {
    const [, word, quoted] = /^(msgid |msgstr )?(".*")$/.exec(line) ?? [];
    if (line.startsWith("#: ")) files.push(line.slice(3));
    else if (line.startsWith("#, ")) fuzzy = line.includes("fuzzy");
    else if (line === "") end();
    else if (quoted === undefined) {
      if (!line.startsWith("#")) throw new Error(`not a line of a PO file: ${line}`);
    } else {
      const part = JSON.parse(quoted) as string;
      if (word === "msgid ") message = part;
      else if (word === "msgstr ") translation = part;
      else if (translation !== null) translation += part;
      else message = (message ?? "") + part;
    }
  }
  end();
  return found;
}

/** A file of them. `language` "": the template. */
export function write(entries: readonly Entry[], language: string): string {
  const header = [`Language: ${language}`, ...HEADER].map((line) => JSON.stringify(`${line}\n`)).join("\n");
  const blocks = entries.map(({ message, translation, files, fuzzy }) => {
    const flags = [...(fuzzy ? ["fuzzy"] : []), ...(/[{<]/.test(message) ? ["icu-message-format"] : [])];
    return [
      ...files.map((file) => `#: ${file}`),
      ...(flags.length ? [`#, ${flags.join(", ")}`] : []),
      `msgid ${JSON.stringify(message)}`,
      `msgstr ${JSON.stringify(translation)}`,
    ].join("\n");
  });
  return `${[`msgid ""\nmsgstr ""\n${header}`, ...blocks].join("\n\n")}\n`;
}

/** What the app loads: a message and its translation, where there is one. */
export function compiled(text: string): Record<string, string> {
  return Object.fromEntries(
    read(text).flatMap(({ message, translation, fuzzy }) =>
      translation && !fuzzy ? [[message, translation]] : [],
    ),
  );
}
