import {
  ChevronDown,
  ChevronUp,
  EllipsisVertical,
  Link2,
  MessageSquare,
  Pencil,
  Plus,
  Power,
  Settings2,
  Trash2,
  Unlink,
} from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { MAC, named } from "@/lib/hotkeys";
import { idsOf, keyOf, keysOf, type ShortcutId } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, IconButton, Menu, type MenuItem, Panel, StatusBadge } from "@/ui";
import { NameField } from "./drawing/name-field";
import { KindGlyph } from "./glyph";
import {
  changed,
  connected,
  decoration,
  labelOf,
  portOf,
  portsOf,
  refusal,
  reordered,
  type Step,
  type Wire,
  without,
} from "./graph";
import { PickNode } from "./pick-node";
import { type Intent, useFlow, useFlowControl } from "./store";
import { useNodeRun, useSurroundings } from "./surroundings";
import { useTogether } from "./together/news";
import { useNarrow } from "./use-narrow";

type Props = {
  onClose: () => void;
  onOpen: (id: string) => void;
  /** Opens "Add a node"; without it the list is to read. */
  onAdd?: (intent: Intent | null) => void;
};

/** The drawing as a list, and a full editor of it: for screen readers, for narrow screens, to find a node among many.
 *
 * Arrow keys go from line to line, Alt with them changes the order; Enter opens, F2 renames, C connects, A adds, Delete deletes. */
export function Outline({ onClose, onOpen, onAdd }: Props) {
  const control = useFlowControl();
  const { editable } = useSurroundings();
  const narrow = useNarrow();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const list = useRef<HTMLOListElement>(null);
  const leaving = useMemo(() => Map.groupBy(edges, (edge) => edge.source), [edges]);
  const names = useMemo(() => new Map(nodes.map((node) => [node.id, labelOf(node)])), [nodes]);

  const focus = (id: string | undefined) =>
    window.requestAnimationFrame(() =>
      list.current?.querySelector<HTMLElement>(`[data-line="${CSS.escape(id ?? "")}"]`)?.focus(),
    );
  const move = (id: string, by: -1 | 1) => {
    control.edit(
      t("Move {name} {by, plural, one {down} other {up}}", { name: names.get(id) ?? id, by }),
      (flow) => reordered(flow, id, by),
    );
    focus(id);
  };
  const remove = (id: string) => {
    const at = nodes.findIndex((node) => node.id === id);
    control.edit(t("Delete {name}", { name: names.get(id) ?? id }), (flow) =>
      without(flow, new Set([id]), new Set()),
    );
    control.select([]);
    focus((nodes[at + 1] ?? nodes[at - 1])?.id);
  };
  return (
    <Panel
      id="canvas-outline"
      title={t("Outline")}
      side="left"
      width={256}
      onClose={onClose}
      full={narrow}
      footer={
        editable &&
        onAdd && (
          <Button size="sm" icon={Plus} onClick={() => onAdd(null)}>
            {t("Add to the list")}
          </Button>
        )
      }
    >
      {nodes.length === 0 && <p className="p-4 text-muted text-sm">{t("No node yet.")}</p>}
      <ol ref={list} className="p-2">
        {nodes.map((step, at) => (
          <Line
            key={step.id}
            step={step}
            wires={leaving.get(step.id) ?? NONE}
            names={names}
            first={at === 0}
            last={at === nodes.length - 1}
            onOpen={onOpen}
            onAdd={editable ? onAdd : undefined}
            onMove={editable ? move : undefined}
            onRemove={editable ? remove : undefined}
            onGo={(by) => focus(nodes[at + by]?.id)}
          />
        ))}
      </ol>
    </Panel>
  );
}

const NONE: readonly Wire[] = [];
const OF_A_LINE = ["rename", "remove", "addAfter", "connect", "disable", "nudgeUp", "nudgeDown"] as const;

/** As `aria-keyshortcuts` wants them: "F2 Delete A Alt+ArrowUp". */
function spokenKeys(): string {
  return OF_A_LINE.flatMap((id) => keysOf(id))
    .map((key) =>
      key
        .replace("mod", MAC ? "Meta" : "Control")
        .replace(/(^|\+)arrow(.)/, (_, before: string, way: string) => `${before}Arrow${way.toUpperCase()}`)
        .replace(/(^|\+)([a-z])/g, (found) => found.toUpperCase()),
    )
    .join(" ");
}

type LineProps = {
  step: Step;
  wires: readonly Wire[];
  names: ReadonlyMap<string, string>;
  first: boolean;
  last: boolean;
  onOpen: (id: string) => void;
  onAdd: ((intent: Intent) => void) | undefined;
  onMove: ((id: string, by: -1 | 1) => void) | undefined;
  onRemove: ((id: string) => void) | undefined;
  onGo: (by: -1 | 0 | 1) => void;
};

function Line({ step, wires, names, first, last, onOpen, onAdd, onMove, onRemove, onGo }: LineProps) {
  const { id: drawing, kinds, editable, onComments } = useSurroundings();
  const threads = useTogether(drawing, onComments !== null).threads(step.id);
  const control = useFlowControl();
  const run = useNodeRun(step.id);
  const selected = useFlow((flow) => flow.selection.nodes.has(step.id));
  const [naming, setNaming] = useState(false);
  const [connecting, setConnecting] = useState<string | null>(null);
  const { id } = step;
  const name = labelOf(step);
  const plain = decoration(step);
  const ports = portsOf(step, kinds);
  const set = (what: string, data: Step["data"], tag = "") =>
    control.edit(what, (flow) => changed(flow, new Set([id]), data), tag);
  const toggle = () =>
    set(t("Switch {what} {name}", { what: step.data.disabled ? t("on") : t("off"), name }), {
      disabled: !step.data.disabled,
    });
  const free = ports.find((port) => !wires.some((wire) => portOf(wire) === port)) ?? ports[0] ?? "out";
  const add = () => onAdd?.({ on: "out", node: id, port: free, at: null });
  const connect = (target: string) => {
    const ends = { source: id, target, sourceHandle: connecting };
    const why = refusal(control.store.getState(), kinds, ends);
    if (why) toast.error(t("These cannot be connected"), { description: why });
    else control.edit(t("Connect"), (flow) => connected(flow, ends));
  };

  const key = (event: KeyboardEvent) => {
    const pressed = named(event.nativeEvent);
    const does: Partial<Record<ShortcutId, () => void>> = {
      ...(editable && {
        rename: () => setNaming(true),
        remove: () => onRemove?.(id),
        nudgeDown: () => onMove?.(id, 1),
        nudgeUp: () => onMove?.(id, -1),
      }),
      ...(editable && !plain && { addAfter: add, connect: () => setConnecting(free), disable: toggle }),
    };
    const wanted = idsOf(pressed).find((each) => does[each]);
    const fixed: Record<string, () => void> = { arrowdown: () => onGo(1), arrowup: () => onGo(-1) };
    const action = wanted ? does[wanted] : fixed[pressed];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const items: MenuItem[] = [
    {
      label: plain ? t("Show") : t("Open settings"),
      icon: Settings2,
      shortcut: "enter",
      onSelect: () => onOpen(id),
    },
    ...(plain
      ? []
      : [
          { label: t("Add after"), icon: Plus, shortcut: keyOf("addAfter"), onSelect: add },
          ...ports.map((port) => ({
            label: ports.length > 1 ? t("Connect “{port}” to …", { port }) : t("Connect to …"),
            icon: Link2,
            ...(port === free && { shortcut: keyOf("connect") }),
            onSelect: () => setConnecting(port),
          })),
          {
            label: step.data.disabled ? t("Switch on") : t("Switch off"),
            icon: Power,
            shortcut: keyOf("disable"),
            onSelect: toggle,
          },
        ]),
    {
      label: t("Rename"),
      icon: Pencil,
      shortcut: keyOf("rename"),
      onSelect: () => window.setTimeout(() => setNaming(true)),
    },
    {
      label: t("Move up"),
      icon: ChevronUp,
      shortcut: keyOf("nudgeUp"),
      disabled: first,
      onSelect: () => onMove?.(id, -1),
    },
    {
      label: t("Move down"),
      icon: ChevronDown,
      shortcut: keyOf("nudgeDown"),
      disabled: last,
      onSelect: () => onMove?.(id, 1),
    },
    { separator: true },
    {
      label: t("Delete"),
      icon: Trash2,
      shortcut: keyOf("remove"),
      danger: true,
      onSelect: () => onRemove?.(id),
    },
  ];
  return (
    <li>
      <div className="group flex items-center gap-1 rounded-md hover:bg-hover has-aria-current:bg-accent-soft">
        {naming ? (
          <div className="min-w-0 flex-1 p-1">
            <NameField
              label={t("New name")}
              value={step.data.label ?? ""}
              onChange={(label) => set(t("Rename {name}", { name }), { label }, `${id} label`)}
              onDone={(byKey) => {
                setNaming(false);
                if (byKey) onGo(0);
              }}
            />
          </div>
        ) : (
          <button
            type="button"
            data-line={id}
            aria-current={selected || undefined}
            aria-keyshortcuts={editable ? spokenKeys() : undefined}
            onKeyDown={key}
            onClick={() => onOpen(id)}
            className="flex min-w-0 flex-1 items-center gap-2.5 rounded-md p-2 text-left"
          >
            <KindGlyph type={step.type} className="size-4 shrink-0 text-muted" />
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium text-sm">{name}</span>
              <span className="block truncate text-muted text-xs">
                {plain ? step.type : (kinds.get(step.type)?.title ?? step.type)}
                {step.data.disabled && t(", switched off")}
              </span>
            </span>
            {threads > 0 && (
              <span className="tabular flex shrink-0 items-center gap-1 text-muted text-xs">
                <MessageSquare aria-hidden className="size-3.5" />
                <span aria-hidden>{threads}</span>
                <span className="sr-only">
                  {t("{threads, plural, one {# open comment} other {# open comments}}", { threads })}
                </span>
              </span>
            )}
            {run && <StatusBadge status={run.status} attempts={run.attempt} plain />}
          </button>
        )}
        {editable && (
          <Menu
            align="end"
            items={items}
            trigger={
              <IconButton
                label={t("Actions for {name}", { name })}
                icon={EllipsisVertical}
                size="sm"
                className="mr-1"
              />
            }
          />
        )}
      </div>
      {wires.length > 0 && (
        <ul aria-label={t("{name} leads to", { name })} className="mb-1 ml-4 border-l pl-3">
          {wires.map((wire) => {
            const target = names.get(wire.target) ?? wire.target;
            return (
              <li key={wire.id} className="flex min-h-6 items-center gap-1.5 text-muted text-xs">
                {portOf(wire) !== "out" && <code className="font-mono">{portOf(wire)}</code>}
                <span aria-hidden>→</span>
                <span className="min-w-0 flex-1 truncate">{target}</span>
                {editable && (
                  <IconButton
                    label={t("Disconnect {name} from {target}", { name, target })}
                    icon={Unlink}
                    size="sm"
                    className="mr-1 size-6"
                    onClick={() =>
                      control.edit(t("Disconnect"), (flow) => without(flow, new Set(), new Set([wire.id])))
                    }
                  />
                )}
              </li>
            );
          })}
        </ul>
      )}
      {connecting !== null && (
        <Targets
          title={t("Connect {name} to", { name })}
          from={id}
          onPick={connect}
          onClose={() => setConnecting(null)}
        />
      )}
    </li>
  );
}

type TargetsProps = { title: string; from: string; onPick: (id: string) => void; onClose: () => void };

function Targets({ title, from, onPick, onClose }: TargetsProps) {
  const nodes = useFlow((flow) => flow.nodes);
  return (
    <PickNode
      title={title}
      nodes={nodes.filter((node) => node.id !== from && !decoration(node))}
      onPick={onPick}
      onClose={onClose}
    />
  );
}
