import { create } from "zustand";
import { useHotkeys } from "./hotkeys";
import { forget, keep, stored } from "./persist";
import { t } from "./text";

/** Where a key counts: `always`, in fields too; `page`, unless something is typed; `canvas`, with the focus on the drawing or on
 * nothing; `node`, with the focus on a node. */
export type Scope = "always" | "page" | "canvas" | "node";
export type Row = readonly [keys: string, does: string, scope?: Scope];

const GO = {
  goHome: ["g h", t("Home")],
  goOrchestrators: ["g o", t("Orchestrators")],
  goWorkflows: ["g w", t("Workflows")],
  goRuns: ["g r", t("Runs")],
  goConnections: ["g c", t("Connections")],
  goInbound: ["g i", t("Inbound")],
  goDeadLetters: ["g d", t("Dead letters")],
  goCheck: ["g k", t("Set-up check")],
  goSettings: ["g s", t("Settings")],
} as const satisfies Record<string, Row>;

/** Every key, in the order it is listed: the one place where they stand. Several keys: parted by a comma and a blank; keys pressed
 * after one another: by a blank. */
export const SHORTCUTS = {
  Anywhere: { palette: ["mod+k", t("Search or jump to"), "always"] },
  "Go to": GO,
  "This orchestrator": {
    save: ["mod+s", t("Save"), "always"],
    run: ["mod+enter", t("Run"), "always"],
    publish: ["shift+p", t("Publish")],
    test: ["mod+shift+enter", t("Test the selected node"), "always"],
    undo: ["mod+z", t("Undo")],
    redo: ["mod+shift+z, mod+y", t("Redo")],
    previousProblem: ["[", t("Previous problem")],
    nextProblem: ["]", t("Next problem")],
    comment: ["shift+c", t("Write a comment, about the selected node if there is one")],
    help: ["?", t("Show these keys")],
  },
  "Add and change": {
    add: ["n", t("Add a node")],
    addNext: ["tab", t("Add a node after the selected one"), "node"],
    note: ["shift+s", t("Add a note")],
    connect: ["c", t("Connect the selected node to …"), "canvas"],
    open: ["enter", t("Open the settings of a node; edit a note"), "canvas"],
    rename: ["f2", t("Rename")],
    disable: ["d", t("Switch off or on"), "canvas"],
    pin: ["p", t("Pin or unpin the output for tests")],
    duplicate: ["mod+d", t("Duplicate")],
    group: ["mod+g", t("Group")],
    ungroup: ["mod+shift+g", t("Ungroup")],
    remove: ["delete, backspace", t("Delete"), "canvas"],
    bridge: ["mod+delete, mod+backspace", t("Delete, and reconnect the neighbours"), "canvas"],
    tidy: ["shift+t", t("Tidy up the selection, or everything")],
  },
  "Select and go": {
    selectAll: ["mod+a", t("Select everything")],
    right: ["arrowright", t("Go along a wire"), "canvas"],
    left: ["arrowleft", t("Go back along a wire"), "canvas"],
    down: ["arrowdown", t("Go to the node below"), "canvas"],
    up: ["arrowup", t("Go to the node above"), "canvas"],
    upstream: ["shift+arrowleft", t("Select all that leads here"), "canvas"],
    downstream: ["shift+arrowright", t("Select all that follows"), "canvas"],
    find: ["mod+f", t("Find a node"), "always"],
    input: ["i", t("Go to the input of the open node")],
    output: ["o", t("Go to the output of the open node")],
    leave: ["escape", t("Close the panel, or select nothing"), "always"],
  },
  "Move and look": {
    nudgeRight: ["alt+arrowright", t("Move to the right by 8"), "canvas"],
    nudgeLeft: ["alt+arrowleft", t("Move to the left by 8"), "canvas"],
    nudgeDown: ["alt+arrowdown", t("Move down by 8"), "canvas"],
    nudgeUp: ["alt+arrowup", t("Move up by 8"), "canvas"],
    farRight: ["alt+shift+arrowright", t("Move to the right by 64"), "canvas"],
    farLeft: ["alt+shift+arrowleft", t("Move to the left by 64"), "canvas"],
    farDown: ["alt+shift+arrowdown", t("Move down by 64"), "canvas"],
    farUp: ["alt+shift+arrowup", t("Move up by 64"), "canvas"],
    whole: ["0", t("Zoom to 100 %")],
    fit: ["1", t("Show everything")],
    fitSelection: ["2", t("Show the selection")],
    zoomIn: ["+, =", t("Zoom in")],
    zoomOut: ["-", t("Zoom out")],
  },
  Outline: {
    addAfter: ["a", t("Add a node after the one in the line")],
  },
  "Replay of a run": {
    stepBack: [",", t("Step back")],
    stepOn: [".", t("Step on")],
  },
  "List of runs": {
    nextRun: ["j", t("Next run, as ↓ does")],
    previousRun: ["k", t("Run before, as ↑ does")],
    unfold: ["arrowright", t("Unfold")],
    fold: ["arrowleft", t("Fold")],
    openRun: ["enter", t("Open")],
    selectRun: ["x", t("Select")],
    selectRuns: ["shift+x", t("Select up to here")],
    rerun: ["r", t("Re-run")],
    cancelRun: ["c", t("Cancel")],
    runMenu: [".", t("Menu of the run")],
    searchRuns: ["/", t("Search")],
    byError: ["e", t("Group by error")],
  },
  Log: {
    wrap: ["w", t("Wrap long lines")],
    follow: ["f", t("Follow the end")],
  },
  "Inside the log": {
    nextHit: ["n", t("Next hit of the search")],
    previousHit: ["shift+n", t("Hit before")],
  },
} as const satisfies Record<string, Record<string, Row>>;

type Groups = typeof SHORTCUTS;
export type GroupName = keyof Groups;

export const GROUP_TITLES: Record<GroupName, string> = {
  Anywhere: t("Anywhere"),
  "Go to": t("Go to"),
  "This orchestrator": t("This orchestrator"),
  "Add and change": t("Add and change"),
  "Select and go": t("Select and go"),
  "Move and look": t("Move and look"),
  Outline: t("Outline"),
  "Replay of a run": t("Replay of a run"),
  "List of runs": t("List of runs"),
  Log: t("Log"),
  "Inside the log": t("Inside the log"),
};
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
