import { useEffect, useRef } from "react";

export const MAC = typeof navigator !== "undefined" && /Mac|iP(hone|ad)/.test(navigator.platform);

type Handler = (event: KeyboardEvent) => void;

/** Keys of a screen: `useHotkeys({ "mod+k": open, "g r": goToRuns, "?": help })`. `mod` is Ctrl, on a Mac Cmd.
 *
 * Only keys with `mod` and F keys count while somebody types in a field, and while a dialog is open. A handled key goes no further. */
export function useHotkeys(keys: Record<string, Handler>, enabled = true): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    if (!enabled) return;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || modifier(event)) return;
      const name = named(event);
      const found = latest.current[sequenceOf(event)] ?? latest.current[name];
      if (!found || (!evenInFields(name) && (typing(event.target) || dialogOpen()))) return;
      event.preventDefault();
      found(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [enabled]);
}

/** Whether the key only changes what others say. */
export function modifier(event: KeyboardEvent): boolean {
  return ["Control", "Meta", "Shift", "Alt", "AltGraph"].includes(event.key);
}

/** Whether a key cannot be meant for a field. */
export function evenInFields(name: string): boolean {
  return /^(mod\+|(shift\+)?f\d)/.test(name);
}

let last: { event: KeyboardEvent | null; name: string; at: number; sequence: string } = {
  event: null,
  name: "",
  at: Number.NEGATIVE_INFINITY,
  sequence: "",
};

/** The key, after the one that was pressed just before it: "g r". Whoever asks first for an event, all get the same. */
export function sequenceOf(event: KeyboardEvent): string {
  if (last.event !== event && !modifier(event)) {
    const name = named(event);
    const sequence = event.timeStamp - last.at < 1000 ? `${last.name} ${name}` : name;
    last = { event, name, at: event.timeStamp, sequence };
  }
  return last.sequence;
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
