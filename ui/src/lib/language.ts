import { keep, stored } from "./persist";
import { speak } from "./text";

/** A file a language, made into message and translation when the app is built. */
const FILES = import.meta.glob<Record<string, string>>("../../messages/*.po", { import: "default" });
const BY_CODE = new Map(
  Object.entries(FILES).map(([path, load]) => [path.slice(path.lastIndexOf("/") + 1, -3), load]),
);
const KEPT = "language";

/** For developers: every message with accents and in ⟦brackets⟧, so that text outside of the catalogue is seen. */
const PSEUDO = "en-XA";

/** What there is to choose from. English stands in the code. */
export const LANGUAGES: readonly string[] = ["en", ...BY_CODE.keys()];

/** What was chosen here, else the first of the browser's languages that there is. */
export function languageOf(asked: readonly string[] = navigator.languages): string {
  const chosen = stored<string | null>(KEPT, null);
  if (chosen === PSEUDO || (chosen !== null && LANGUAGES.includes(chosen))) return chosen;
  for (const each of asked) {
    const found =
      LANGUAGES.find((code) => code === each) ?? LANGUAGES.find((code) => code === each.split("-")[0]);
    if (found) return found;
  }
  return "en";
}

/** Texts are read when modules are evaluated, so the page begins anew. */
export function chooseLanguage(code: string): void {
  keep(KEPT, code);
  window.location.reload();
}

/** Before anything that has texts is imported. English asks the server for nothing; so does what cannot be had. */
export async function loadLanguage(): Promise<void> {
  const code = languageOf();
  if (code === "en") return;
  try {
    if (code === PSEUDO) {
      const { pseudo } = await import("./pseudo");
      speak("en", pseudo);
    } else {
      const messages = await BY_CODE.get(code)?.();
      if (messages) speak(code, (message) => messages[message]);
    }
    document.documentElement.lang = code;
  } catch {
    // Its file did not come: English then.
  }
}
