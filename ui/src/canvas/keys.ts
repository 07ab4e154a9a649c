import { useEffect, useRef } from "react";
import { dialogOpen, named, sequenceOf, typing } from "@/lib/hotkeys";
import { idsOf, ROWS, type Scope, type ShortcutId } from "@/lib/shortcuts";

/** What each key does on this screen; what is left out has no key here and is not listed. */
export type Actions = { [Id in ShortcutId]?: (() => void) | undefined } & {
  /** What to put on the clipboard; null: nothing is selected. */
  copy?: () => string | null;
  cut?: () => void;
  /** False: the text is not a drawing. */
  paste?: (text: string) => boolean;
};

/** The keys of the canvas. Fields and dialogs keep their own. */
export function useCanvasKeys(actions: Actions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || dialogOpen()) return;
      const key = named(event);
      const sequence = sequenceOf(event);
      if (sequence !== key && idsOf(sequence).length > 0) return; // the end of "g c" goes to a screen
      const id = idsOf(key).find((each) => latest.current[each]);
      if (!id || !counts(ROWS.get(id)?.[2] ?? "page", event.target)) return;
      event.preventDefault();
      latest.current[id]?.();
    };
    const clipped = (event: ClipboardEvent) => {
      if (typing(event.target) || dialogOpen() || window.getSelection()?.isCollapsed === false) return;
      const text = latest.current.copy?.() ?? null;
      if (text === null) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", text);
      if (event.type === "cut") latest.current.cut?.();
    };
    const pasted = (event: ClipboardEvent) => {
      if (typing(event.target) || dialogOpen()) return;
      if (latest.current.paste?.(event.clipboardData?.getData("text/plain") ?? "")) event.preventDefault();
    };
    window.addEventListener("keydown", pressed, { signal });
    document.addEventListener("copy", clipped, { signal });
    document.addEventListener("cut", clipped, { signal });
    document.addEventListener("paste", pasted, { signal });
    return () => stopped.abort();
  }, []);
}

function counts(scope: Scope, target: EventTarget | null): boolean {
  if (scope === "always") return true;
  if (typing(target)) return false;
  if (scope === "node") return onCanvas(target) && (target as Element).closest(".react-flow__node") !== null;
  return scope === "page" || target === document.body || onCanvas(target);
}

function onCanvas(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest(".react-flow") !== null &&
    target.closest("button, a") === null
  );
}
