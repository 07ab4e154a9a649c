import { t } from "@/lib/text";

/** Labels written one in a line, as "key:value"; or what is wrong with them, in words. */
export function labelsOf(text: string): Record<string, string> | string {
  const found = new Map<string, string>();
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "") continue;
    const at = line.indexOf(":");
    const key = line.slice(0, at).trim();
    const value = line.slice(at + 1).trim();
    if (at < 1 || key === "" || value === "")
      return t("“{line}” is not a key and a value with a colon between.", { line });
    if (key.length > 200 || value.length > 200) return t("A key and a value have at most 200 letters each.");
    if (found.has(key)) return t("There are two labels {key}.", { key });
    found.set(key, value);
  }
  if (found.size > 50) return t("A run has at most 50 labels.");
  return Object.fromEntries(found);
}
