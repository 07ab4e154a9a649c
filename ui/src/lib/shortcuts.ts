import { create } from "zustand";
import { useHotkeys } from "./hotkeys";
import { forget, keep, stored } from "./persist";

/** Where a key counts: `always`, in fields too; `page`, unless something is typed; `canvas`, with the focus on the drawing or on
 * nothing; `node`, with the focus on a node. */
export type Scope = "always" | "page" | "canvas" | "node";
export type Row = readonly [keys: string, does: string, scope?: Scope];

const GO = {
  goHome: ["g h", "Home"],
  goOrchestrators: ["g o", "Orchestrators"],
  goWorkflows: ["g w", "Workflows"],
  goRuns: ["g r", "Runs"],
  goConnections: ["g c", "Connections"],
  goInbound: ["g i", "Inbound"],
  goDeadLetters: ["g d", "Dead letters"],
  goCheck: ["g k", "Set-up check"],
  goSettings: ["g s", "Settings"],
} as const satisfies Record<string, Row>;

/** Every key, in the order it is listed: the one place where they stand. Several keys: parted by a comma and a blank; keys pressed
 * after one another: by a blank. */
export const SHORTCUTS = {
  Anywhere: { palette: ["mod+k", "Search or jump to", "always"] },
  "Go to": GO,
  "This orchestrator": {
    save: ["mod+s", "Save", "always"],
    run: ["mod+enter", "Run", "always"],
    publish: ["shift+p", "Publish"],
    test: ["mod+shift+enter", "Test the selected node", "always"],
    undo: ["mod+z", "Undo"],
    redo: ["mod+shift+z, mod+y", "Redo"],
    previousProblem: ["[", "Previous problem"],
    nextProblem: ["]", "Next problem"],
    comment: ["shift+c", "Write a comment, about the selected node if there is one"],
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
    remove: ["delete, backspace", "Delete", "canvas"],
    bridge: ["mod+delete, mod+backspace", "Delete, and reconnect the neighbours", "canvas"],
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
    input: ["i", "Go to the input of the open node"],
    output: ["o", "Go to the output of the open node"],
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
    zoomIn: ["+, =", "Zoom in"],
    zoomOut: ["-", "Zoom out"],
  },
  Outline: {
    addAfter: ["a", "Add a node after the one in the line"],
  },
  "Replay of a run": {
    stepBack: [",", "Step back"],
    stepOn: [".", "Step on"],
  },
  "List of runs": {
    nextRun: ["j", "Next run, as ↓ does"],
    previousRun: ["k", "Run before, as ↑ does"],
    unfold: ["arrowright", "Unfold"],
    fold: ["arrowleft", "Fold"],
    openRun: ["enter", "Open"],
    selectRun: ["x", "Select"],
    selectRuns: ["shift+x", "Select up to here"],
    rerun: ["r", "Re-run"],
    cancelRun: ["c", "Cancel"],
    runMenu: [".", "Menu of the run"],
    searchRuns: ["/", "Search"],
    byError: ["e", "Group by error"],
  },
  Log: {
    wrap: ["w", "Wrap long lines"],
    follow: ["f", "Follow the end"],
  },
  "Inside the log": {
    nextHit: ["n", "Next hit of the search"],
    previousHit: ["shift+n", "Hit before"],
  },
} as const satisfies Record<string, Record<string, Row>>;

type Groups = typeof SHORTCUTS;
export type GroupName = keyof Groups;
export type ShortcutId = { [G in keyof Groups]: keyof Groups[G] }[keyof Groups];
export type GoId = keyof typeof GO;

/** Keys that the reader has chosen, by what they do; "": none. Kept in this browser. */
export type OwnKeys = Readonly<Partial<Record<ShortcutId, string>>>;

const KEPT = "keys";
const useStore = create<{ own: OwnKeys }>(() => ({ own: stored<OwnKeys>(KEPT, {}) }));

/** What the reader chose; a component that shows keys while they can change asks for it. */
export function useOwnKeys(): OwnKeys {
  return useStore((state) => state.own);
}

/** False: they hold for this page only, since nothing can be kept. */
export function setOwnKeys(own: OwnKeys): boolean {
  useStore.setState({ own });
  if (Object.keys(own).length) return keep(KEPT, own);
  forget(KEPT);
  return true;
}

if (typeof window !== "undefined") {
  window.addEventListener("storage", (event) => {
    if (event.key === `baton:${KEPT}`) useStore.setState({ own: stored<OwnKeys>(KEPT, {}) });
  });
}

export const ROWS: ReadonlyMap<ShortcutId, Row> = new Map(
  Object.values(SHORTCUTS).flatMap((group) => Object.entries(group) as [ShortcutId, Row][]),
);

/** The keys that do it, each as `useHotkeys` names it. */
export function keysOf(id: ShortcutId, own: OwnKeys = useStore.getState().own): readonly string[] {
  const keys = own[id] ?? ROWS.get(id)?.[0] ?? "";
  return typeof keys === "string" && keys !== "" ? keys.split(", ") : [];
}

/** The first of them, for buttons and menus. */
export function keyOf(id: ShortcutId): string | undefined {
  return keysOf(id)[0];
}

let known: { own: OwnKeys; ids: ReadonlyMap<string, readonly ShortcutId[]> } | undefined;

/** What a key does: one thing on each screen. */
export function idsOf(key: string): readonly ShortcutId[] {
  const { own } = useStore.getState();
  if (known?.own !== own) {
    const pairs = [...ROWS.keys()].flatMap((id) => keysOf(id, own).map((each) => ({ each, id })));
    const ids = Map.groupBy(pairs, (pair) => pair.each);
    known = { own, ids: new Map([...ids].map(([each, all]) => [each, all.map(({ id }) => id)])) };
  }
  return known.ids.get(key) ?? [];
}

/** The keys of a screen, as the reader has them; else as `useHotkeys`. */
export function useShortcuts(actions: Partial<Record<ShortcutId, () => void>>): void {
  const own = useOwnKeys();
  const pairs = Object.entries(actions) as Array<[ShortcutId, () => void]>;
  useHotkeys(Object.fromEntries(pairs.flatMap(([id, run]) => keysOf(id, own).map((key) => [key, run]))));
}
