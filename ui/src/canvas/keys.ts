import { useEffect, useRef } from "react";
import { MAC } from "@/lib/hotkeys";
import type { Direction } from "./graph";

export type Actions = {
  save: () => void;
  run: () => void;
  undo: () => void;
  redo: () => void;
  selectAll: () => void;
  remove: () => void;
  open: () => void;
  leave: () => void;
  add: () => void;
  tidy: () => void;
  go: (direction: Direction) => void;
  nudge: (direction: Direction, far: boolean) => void;
  /** What to put on the clipboard; null: nothing is selected. */
  copy: () => string | null;
  /** False: the text is not a drawing. */
  paste: (text: string) => boolean;
};

const ARROWS: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

/** The keys of the canvas. Fields and dialogs keep their own; of all keys, only save and run work there too. */
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
      const handler = handlerOf(event, latest.current);
      if (!handler) return;
      event.preventDefault();
      handler();
    };
    const clipped = (event: ClipboardEvent) => {
      if (elsewhere(event.target) || dialogOpen() || window.getSelection()?.isCollapsed === false) return;
      const text = latest.current.copy();
      if (text === null) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", text);
      if (event.type === "cut") latest.current.remove();
    };
    const pasted = (event: ClipboardEvent) => {
      if (elsewhere(event.target) || dialogOpen()) return;
      if (latest.current.paste(event.clipboardData?.getData("text/plain") ?? "")) event.preventDefault();
    };
    window.addEventListener("keydown", pressed, { signal });
    document.addEventListener("copy", clipped, { signal });
    document.addEventListener("cut", clipped, { signal });
    document.addEventListener("paste", pasted, { signal });
    return () => stopped.abort();
  }, []);
}

function handlerOf(event: KeyboardEvent, actions: Actions): (() => void) | undefined {
  const mod = MAC ? event.metaKey : event.ctrlKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (mod && key === "s") return actions.save;
  if (mod && key === "Enter") return actions.run;
  if (elsewhere(event.target)) return undefined;
  if (mod) {
    if (key === "z") return event.shiftKey ? actions.redo : actions.undo;
    if (key === "y") return actions.redo;
    if (key === "a") return actions.selectAll;
    return undefined;
  }
  if (key === "n" && !event.altKey) return actions.add;
  if (key === "t" && event.shiftKey) return actions.tidy;
  if (key === "Escape") return actions.leave;
  const inside = event.target === document.body || onCanvas(event.target);
  if (!inside) return undefined;
  if (key === "Delete" || key === "Backspace") return actions.remove;
  if (key === "Enter") return actions.open;
  const direction = ARROWS[key];
  if (!direction) return undefined;
  return event.altKey ? () => actions.nudge(direction, event.shiftKey) : () => actions.go(direction);
}

function elsewhere(target: EventTarget | null): boolean {
  return (
    target instanceof Element &&
    target.closest("input, textarea, select, [contenteditable=true], [contenteditable='']") !== null
  );
}

function onCanvas(target: EventTarget | null): boolean {
  return (
    target instanceof Element && target.closest(".react-flow") !== null && target.closest("button") === null
  );
}

function dialogOpen(): boolean {
  return (
    document.querySelector("[role=dialog][data-state=open], [role=alertdialog][data-state=open]") !== null
  );
}
