type Named = { name: string; title: string };

/** What is looked for. `provider` null: all of them; undefined: none is called so. `remote`: only remote workflows are meant. */
export type Spoken = { words: string; provider: string | null | undefined; remote: boolean };

/** "@n8n lead": the workflows of one platform, by the beginning of its name. The "@" alone: those of all. */
export function spoken(text: string, providers: readonly Named[]): Spoken {
  const parts = text.trim().split(/\s+/);
  const at = parts.find((part) => part.startsWith("@"));
  const words = parts.filter((part) => part !== at).join(" ");
  if (at === undefined) return { words, provider: null, remote: false };
  const wanted = at.slice(1).toLowerCase();
  if (wanted === "") return { words, provider: null, remote: true };
  const found = providers.find(({ name, title }) =>
    [name, title].some((each) => each.toLowerCase().startsWith(wanted)),
  );
  return { words, provider: found?.name, remote: true };
}
