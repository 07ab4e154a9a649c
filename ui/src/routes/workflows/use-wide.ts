import { useSyncExternalStore } from "react";

const QUERY = "(min-width: 1024px)";

/** Whether there is room for a pane beside the list. */
export function useWide(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(QUERY);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => window.matchMedia(QUERY).matches,
  );
}
