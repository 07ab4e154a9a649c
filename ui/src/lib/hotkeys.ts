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
      if (["Control", "Meta", "Shift", "Alt"].includes(event.key)) return;
      const name = named(event);
      const sequence = Date.now() - at < 1000 ? `${before} ${name}` : name;
      before = name;
      at = Date.now();
      const found = latest.current[sequence] ?? latest.current[name];
      if (!found || (!name.includes("mod+") && (typing(event.target) || dialogOpen()))) return;
      event.preventDefault();
      found(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [enabled]);
}

/** A key as tables of keys name it: `mod+shift+z`, `?`, `alt+arrowleft`. */
export function named(event: KeyboardEvent): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const sign = key.length === 1 && !/[a-z0-9]/.test(key); // "?" and "+" say their shift themselves
  return [
    (MAC ? event.metaKey : event.ctrlKey) ? "mod+" : "",
    event.altKey ? "alt+" : "",
    event.shiftKey && !sign ? "shift+" : "",
    key,
  ].join("");
}

/** Whether a key belongs to a field rather than to the screen. */
export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest("input, textarea, select, [contenteditable=true], [contenteditable='']") !== null
  );
}

/** Whether keys belong to what is open over the screen. */
export function dialogOpen(): boolean {
  return (
    document.querySelector(
      "[role=dialog][data-state=open], [role=alertdialog][data-state=open], [role=menu][data-state=open]",
    ) !== null
  );
}
