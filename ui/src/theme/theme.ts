import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const COOKIE = "baton_theme";
const subscribers = new Set<() => void>();

/** The server reads the cookie and writes the theme into the page it sends, so that nothing flashes. */
export function theme(): Theme {
  const found = document.documentElement.dataset.theme;
  return found === "light" || found === "dark" ? found : "system";
}

/** Pin a theme, or follow the system again. */
export function setTheme(next: Theme): void {
  const root = document.documentElement;
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  const age = next === "system" ? 0 : 31_536_000;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser we serve
  document.cookie = `${COOKIE}=${next}; Path=/; Max-Age=${age}; SameSite=Lax`;
  for (const each of subscribers) each();
}

export function useTheme(): Theme {
  return useSyncExternalStore((notify) => {
    subscribers.add(notify);
    return () => subscribers.delete(notify);
  }, theme);
}
