import { useEffect, useRef } from "react";
import { dialogOpen, named, typing } from "@/lib/hotkeys";

/** Where a key of the canvas counts: `always`, in fields too; `page`, unless something is typed; `canvas`, with the focus
 * on the drawing or on nothing; `node`, with the focus on a node. */
type Scope = "always" | "page" | "canvas" | "node";
export type Row = readonly [keys: string, does: string, scope?: Scope];

/** Every key of the canvas, in the order of the overlay: the one place where they stand. Several keys: parted by a space. */
export const SHORTCUTS = {
  "This orchestrator": {
    save: ["mod+s", "Save", "always"],
    run: ["mod+enter", "Run", "always"],
    test: ["mod+shift+enter", "Test the selected node", "always"],
    undo: ["mod+z", "Undo"],
    redo: ["mod+shift+z mod+y", "Redo"],
    previousProblem: ["[", "Previous problem"],
    nextProblem: ["]", "Next problem"],
    help: ["?", "Show these keys"],
  },
  "Add and change": {
    add: ["n", "Add a node"],
    addNext: ["tab", "Add a node after the selected one", "node"],
    note: ["shift+s", "Add a note"],
    connect: ["c", "Connect the selected node to …", "canvas"],
    open: ["enter", "Open the settings of a node; edit a note", "canvas"],
    rename: ["f2", "Rename"],
    disable: ["d", "Switch off or on", "canvas"],
    pin: ["p", "Pin or unpin the output for tests"],
    duplicate: ["mod+d", "Duplicate"],
    group: ["mod+g", "Group"],
    ungroup: ["mod+shift+g", "Ungroup"],
    remove: ["delete backspace", "Delete", "canvas"],
    bridge: ["mod+delete mod+backspace", "Delete, and reconnect the neighbours", "canvas"],
    tidy: ["shift+t", "Tidy up the selection, or everything"],
  },
  "Select and go": {
    selectAll: ["mod+a", "Select everything"],
    right: ["arrowright", "Go along a wire", "canvas"],
    left: ["arrowleft", "Go back along a wire", "canvas"],
    down: ["arrowdown", "Go to the node below", "canvas"],
    up: ["arrowup", "Go to the node above", "canvas"],
    upstream: ["shift+arrowleft", "Select all that leads here", "canvas"],
    downstream: ["shift+arrowright", "Select all that follows", "canvas"],
    find: ["mod+f", "Find a node", "always"],
    leave: ["escape", "Close the panel, or select nothing", "always"],
  },
  "Move and look": {
    nudgeRight: ["alt+arrowright", "Move to the right by 8", "canvas"],
    nudgeLeft: ["alt+arrowleft", "Move to the left by 8", "canvas"],
    nudgeDown: ["alt+arrowdown", "Move down by 8", "canvas"],
    nudgeUp: ["alt+arrowup", "Move up by 8", "canvas"],
    farRight: ["alt+shift+arrowright", "Move to the right by 64", "canvas"],
    farLeft: ["alt+shift+arrowleft", "Move to the left by 64", "canvas"],
    farDown: ["alt+shift+arrowdown", "Move down by 64", "canvas"],
    farUp: ["alt+shift+arrowup", "Move up by 64", "canvas"],
    whole: ["0", "Zoom to 100 %"],
    fit: ["1", "Show everything"],
    fitSelection: ["2", "Show the selection"],
    zoomIn: ["+ =", "Zoom in"],
    zoomOut: ["-", "Zoom out"],
  },
} as const satisfies Record<string, Record<string, Row>>;

type Groups = typeof SHORTCUTS;
export type ShortcutId = { [G in keyof Groups]: keyof Groups[G] }[keyof Groups];

/** What each key does on this screen; what is left out has no key here and is not listed. */
export type Actions = { [Id in ShortcutId]?: (() => void) | undefined } & {
  /** What to put on the clipboard; null: nothing is selected. */
  copy?: () => string | null;
  cut?: () => void;
  /** False: the text is not a drawing. */
  paste?: (text: string) => boolean;
};

const BY_KEY = new Map(
  Object.values(SHORTCUTS).flatMap((group) =>
    Object.entries(group as Record<string, Row>).flatMap(([id, [keys, , scope]]) =>
      keys.split(" ").map((key) => [key, { id: id as ShortcutId, scope: scope ?? "page" }] as const),
    ),
  ),
);

/** The first key of a row, for buttons and menus. */
export function keyOf(id: ShortcutId): string | undefined {
  for (const [key, row] of BY_KEY) if (row.id === id) return key;
  return undefined;
}

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
      const row = BY_KEY.get(named(event));
      const action = row && latest.current[row.id];
      if (!action || !counts(row.scope, event.target)) return;
      event.preventDefault();
      action();
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
