import { useEffect, useRef } from "react";

export const MAC = typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.platform);

type Handler = (event: KeyboardEvent) => void;

/** Keys of a screen: `useHotkeys({ "mod+k": open, "g r": goToRuns, "?": help })`. `mod` is Ctrl, on a Mac Cmd.
 *
 * Keys without `mod` are silent while somebody types in a field, and while a dialog is open. A handled key goes no further. */
export function useHotkeys(keys: Record<string, Handler>, enabled = true): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    if (!enabled) return;
    let before = "";
    let at = 0;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const name = named(event);
      if (name === null) return;
      const sequence = Date.now() - at < 1000 ? `${before} ${name}` : name;
      before = name;
      at = Date.now();
      const found = latest.current[sequence] ?? latest.current[name];
      if (!found || (!name.includes("mod+") && busy(event))) return;
      event.preventDefault();
      found(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [enabled]);
}

function named(event: KeyboardEvent): string | null {
  if (["Control", "Meta", "Shift", "Alt"].includes(event.key)) return null;
  const key =
    event.key === " " ? "space" : event.key.length === 1 ? event.key.toLowerCase() : event.key.toLowerCase();
  const letter = /^[a-z]$/.test(key) || event.key.length > 1;
  return [
    (MAC ? event.metaKey : event.ctrlKey) ? "mod+" : "",
    event.altKey ? "alt+" : "",
    event.shiftKey && letter ? "shift+" : "", // "?" and "+" say their shift themselves
    key,
  ].join("");
}

/** Whether a key belongs to a field or to an open dialog rather than to the screen. */
function busy(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("input, textarea, select, [contenteditable=true], [contenteditable='']")) return true;
  return (
    document.querySelector("[role=dialog][data-state=open], [role=alertdialog][data-state=open]") !== null
  );
}
