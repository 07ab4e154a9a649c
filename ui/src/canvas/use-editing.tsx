import { useReactFlow } from "@xyflow/react";
import { type ReactNode, useState } from "react";
import { toastProblem } from "@/api/problem";
import { dependencies } from "@/api/queries/graph";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { FIT } from "./drawing/view";
import {
  bridged,
  CARD,
  changed,
  connected,
  copied,
  type Direction,
  decoration,
  GRID,
  grouped,
  isGroup,
  labelOf,
  moved,
  neighbour,
  noted,
  type Point,
  parsed,
  pasted,
  portsOf,
  refusal,
  type Step,
  tidied,
  tidy,
  withMembers,
  without,
} from "./graph";
import type { Actions } from "./keys";
import { PickNode, ShortcutsDialog } from "./later";
import { type Intent, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";
import { useShow } from "./use-show";

type Place = { node?: string; panel?: string };
type Props<P extends Place> = {
  place: P;
  onPlace: (place: P) => void;
  editable: boolean;
  /** What else has a key here; listed with the rest. */
  more?: Actions;
};

export type Editing = {
  /** For `useCanvasKeys`. */
  actions: Actions;
  /** Select a node, bring it into view and open its panel. */
  goTo: (id: string) => void;
  /** Open "Add a node"; what is picked goes there. */
  add: (intent: Intent | null) => void;
  /** The node that was last opened by key, and how many were so far: its panel takes the focus. */
  entered: { id: string; count: number };
  /** What is open over the canvas: the list of keys, a node to be picked. */
  dialogs: ReactNode;
};

/** What can be done with the drawing, by key, button or menu. Needs the surroundings around it. */
export function useEditing<P extends Place>({ place, onPlace, editable, more }: Props<P>): Editing {
  const control = useFlowControl();
  const { kinds, problems } = useSurroundings();
  const { fitView, zoomIn, zoomOut, zoomTo, screenToFlowPosition } = useReactFlow();
  const show = useShow();
  const [open, setOpen] = useState<"help" | "find" | "connect" | null>(null);
  const [entered, setEntered] = useState({ id: "", count: 0 });
  const now = control.store.getState;

  const selected = () => now().nodes.filter((node) => now().selection.nodes.has(node.id));
  const steps = () => selected().filter((node) => !decoration(node));
  const only = (): Step | null => {
    const [first, second] = selected();
    return first && !second ? first : null;
  };
  const add = (intent: Intent | null) => {
    control.intend(intent);
    onPlace({ ...place, panel: "add" });
  };
  const goTo = (id: string) => {
    control.select([id]);
    onPlace({ ...place, node: id });
    show(id);
  };
  const closeIfGone = (ids: ReadonlySet<string>) => {
    if (place.node && ids.has(place.node)) onPlace({ ...place, node: undefined });
  };
  const remove = () => {
    const { selection } = now();
    const nodes = selection.nodes.size;
    if (nodes + selection.edges.size === 0) return;
    const next = [...selection.nodes].map((id) => neighbour(now(), id, "left")).find((id) => id !== null);
    control.edit(nodes ? t("Delete {named}", { named: named(selected()) }) : t("Disconnect"), (flow) =>
      without(flow, selection.nodes, selection.edges),
    );
    control.select([]);
    closeIfGone(selection.nodes);
    if (nodes && next && !selection.nodes.has(next) && onCanvas()) {
      control.select([next]);
      show(next);
    }
  };
  const bridge = () => {
    const { nodes } = now().selection;
    if (nodes.size === 0) return;
    control.edit(t("Delete {named} and reconnect", { named: named(selected()) }), (flow) =>
      bridged(flow, kinds, nodes),
    );
    control.select([]);
    closeIfGone(nodes);
  };
  const tidyUp = async () => {
    try {
      const ids = new Set(steps().map(({ id }) => id));
      const part = ids.size > 1 ? ids : undefined;
      const places = await tidy(now(), part);
      control.edit(
        part ? t("Tidy up {ids, plural, one {# node} other {# nodes}}", { ids: ids.size }) : t("Tidy up"),
        (flow) => tidied(flow, places),
      );
      if (!part) window.requestAnimationFrame(() => void fitView(FIT));
    } catch (error) {
      toastProblem(error, t("It was not tidied up"));
    }
  };
  const go = (direction: Direction) => () => {
    const focused = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset.id;
    const [first] = now().selection.nodes;
    const id = neighbour(now(), focused ?? first ?? "", direction);
    if (id === null) return;
    control.select([id]);
    if (place.node) onPlace({ ...place, node: id });
    show(id);
  };
  const nudge = (dx: number, dy: number) => () => {
    const { selection } = now();
    if (selection.nodes.size === 0) return;
    const all = withMembers(now(), selection.nodes);
    const places = new Map(
      now()
        .nodes.filter((node) => all.has(node.id))
        .map((node) => [node.id, { x: node.position.x + dx, y: node.position.y + dy }]),
    );
    control.edit(t("Move {named}", { named: named(selected()) }), (flow) => moved(flow, places), "nudge");
  };
  const along = (way: "upstream" | "downstream") => async () => {
    const step = steps()[0];
    if (!step) return;
    try {
      const found = await dependencies(control.definition(), step.id);
      control.select([step.id, ...found[way]]);
    } catch (error) {
      toastProblem(error, t("What depends on what is not known"));
    }
  };
  const middle = (): Point => {
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    return screenToFlowPosition({
      x: (pane?.x ?? 0) + (pane?.width ?? 0) / 2 - CARD.width / 2,
      y: (pane?.y ?? 0) + (pane?.height ?? 0) / 2 - CARD.height,
    });
  };
  const put = (step: Step, what: string, behind: boolean) => {
    control.edit(what, ({ nodes }) => ({ nodes: behind ? [step, ...nodes] : [...nodes, step] }));
    control.select([step.id]);
    control.renaming(step.id);
  };
  const connectTo = (target: string) => {
    const step = steps()[0];
    if (!step) return;
    const taken = new Set(
      now()
        .edges.filter((edge) => edge.source === step.id)
        .map((edge) => edge.sourceHandle),
    );
    const ports = portsOf(step, kinds);
    const ends = [...ports.filter((port) => !taken.has(port)), ...ports].map((port) => ({
      source: step.id,
      target,
      sourceHandle: port,
    }));
    const fit = ends.find((each) => refusal(now(), kinds, each) === null);
    if (fit) control.edit(t("Connect"), (flow) => connected(flow, fit));
    else if (ends[0])
      toast.error(t("These cannot be connected"), { description: refusal(now(), kinds, ends[0]) });
  };
  const toProblem = (by: 1 | -1) => () => {
    const ids = [...new Set(problems.flatMap(({ nodeId }) => nodeId ?? []))];
    const at = ids.indexOf([...now().selection.nodes][0] ?? "");
    const next = ids.at(at === -1 ? (by === 1 ? 0 : -1) : (at + by) % ids.length);
    if (next !== undefined) goTo(next);
  };

  const looking: Actions = {
    help: () => setOpen("help"),
    find: () => setOpen("find"),
    selectAll: () => control.select(now().nodes.map((node) => node.id)),
    right: go("right"),
    left: go("left"),
    down: go("down"),
    up: go("up"),
    upstream: along("upstream"),
    downstream: along("downstream"),
    open: () => {
      const focused = document.activeElement?.closest<HTMLElement>(".react-flow__node")?.dataset.id;
      const step = now().nodes.find((node) => node.id === (focused ?? selected()[0]?.id));
      if (!step) return;
      control.select([step.id]);
      if (decoration(step)) {
        if (editable) control.renaming(step.id);
      } else {
        setEntered(({ count }) => ({ id: step.id, count: count + 1 }));
        onPlace({ ...place, node: step.id });
      }
    },
    ...(place.node && { input: goToPane(t("Input")), output: goToPane(t("Output")) }),
    leave: () => {
      if (place.node) {
        const inside = onCanvas() || document.activeElement?.closest("[data-panel=canvas-node]");
        onPlace({ ...place, node: undefined });
        if (inside) show(place.node);
      } else if (place.panel) onPlace({ ...place, panel: undefined });
      else control.select([]);
    },
    whole: () => void zoomTo(1),
    fit: () => void fitView(FIT),
    fitSelection: () => void fitView({ ...FIT, nodes: selected().map(({ id }) => ({ id })) }),
    zoomIn: () => void zoomIn(),
    zoomOut: () => void zoomOut(),
    previousProblem: toProblem(-1),
    nextProblem: toProblem(1),
    copy: () => {
      const { selection } = now();
      return selection.nodes.size ? copied(now(), withMembers(now(), selection.nodes)) : null;
    },
  };
  const drawing: Actions = {
    undo: control.undo,
    redo: control.redo,
    add: () => add(null),
    ...(place.panel !== "add" && { addNext: () => add(null) }),
    note: () => put(noted(now(), middle()), t("Add a note"), false),
    connect: () => {
      if (steps().length === 1) setOpen("connect");
    },
    rename: () => control.renaming(only()?.id ?? null),
    disable: () => {
      const ids = new Set(steps().map(({ id }) => id));
      if (ids.size === 0) return;
      const disabled = steps().some((step) => !step.data.disabled);
      control.edit(
        t("Switch {what} {named}", { what: disabled ? t("off") : t("on"), named: named(steps()) }),
        (flow) => changed(flow, ids, { disabled }),
      );
    },
    duplicate: () => {
      const ids = withMembers(now(), now().selection.nodes);
      if (ids.size === 0) return;
      const part = {
        nodes: now().nodes.filter(({ id }) => ids.has(id)),
        edges: now().edges.filter(({ source, target }) => ids.has(source) && ids.has(target)),
      };
      const result = pasted(now(), part);
      control.edit(t("Duplicate {named}", { named: named(part.nodes) }), () => result.drawing);
      control.select(result.ids);
    },
    group: () => {
      const ids = now().selection.nodes;
      const group = grouped(now(), ids, middle());
      put(
        group,
        ids.size
          ? t("Group {ids, plural, one {# node} other {# nodes}}", { ids: ids.size })
          : t("Add a group"),
        true,
      );
    },
    ungroup: () => {
      const ids = new Set(
        selected()
          .filter(isGroup)
          .map(({ id }) => id),
      );
      if (ids.size) control.edit(t("Ungroup"), (flow) => without(flow, ids, new Set()));
      control.select([]);
    },
    remove,
    bridge,
    tidy: () => void tidyUp(),
    nudgeRight: nudge(GRID, 0),
    nudgeLeft: nudge(-GRID, 0),
    nudgeDown: nudge(0, GRID),
    nudgeUp: nudge(0, -GRID),
    farRight: nudge(8 * GRID, 0),
    farLeft: nudge(-8 * GRID, 0),
    farDown: nudge(0, 8 * GRID),
    farUp: nudge(0, -8 * GRID),
    cut: remove,
    paste: (text) => {
      const part = parsed(text);
      if (part === null || part.nodes.length === 0) return false;
      const result = pasted(now(), part);
      control.edit(
        t("Paste {nodes, plural, one {# node} other {# nodes}}", { nodes: part.nodes.length }),
        () => result.drawing,
      );
      control.select(result.ids);
      return true;
    },
  };
  const actions: Actions = { ...looking, ...(editable && drawing), ...more };

  const targets = () => now().nodes.filter((node) => !decoration(node) && node.id !== steps()[0]?.id);
  const dialogs = (
    <>
      {open === "help" && <ShortcutsDialog actions={actions} onClose={() => setOpen(null)} />}
      {open === "find" && (
        <PickNode
          title={t("Find a node")}
          nodes={now().nodes}
          onClose={() => setOpen(null)}
          onPick={(id) => {
            control.select([id]);
            if (place.node) onPlace({ ...place, node: id });
            window.setTimeout(() => show(id));
          }}
        />
      )}
      {open === "connect" && (
        <PickNode
          title={t("Connect {step} to", { step: labelOf(steps()[0] ?? (targets()[0] as Step)) })}
          nodes={targets()}
          onClose={() => setOpen(null)}
          onPick={(id) => {
            const from = steps()[0];
            connectTo(id);
            window.setTimeout(() => from && show(from.id));
          }}
        />
      )}
    </>
  );
  return { actions, goTo, add, entered, dialogs };
}

/** "Send order", or "3 nodes". */
export function named(steps: readonly Step[]): string {
  const [first] = steps;
  return first && steps.length === 1
    ? labelOf(first)
    : t("{steps, plural, one {# node} other {# nodes}}", { steps: steps.length });
}

/** The first control of a part of the open node's panel. */
function goToPane(name: string) {
  return () =>
    document
      .querySelector<HTMLElement>(`[data-panel=canvas-node] section[aria-label="${CSS.escape(name)}"] button`)
      ?.focus();
}

function onCanvas(): boolean {
  return document.activeElement === document.body || document.activeElement?.closest(".react-flow") !== null;
}
