import { useSyncExternalStore } from "react";

const QUERY = "(max-width: 899.98px)";

/** Below 900 pixels panels are sheets, and the Outline is the editor: the canvas is to look at. */
export function useNarrow(): boolean {
  return useSyncExternalStore(listen, () => window.matchMedia(QUERY).matches);
}

function listen(changed: () => void): () => void {
  const query = window.matchMedia(QUERY);
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}
