import { useQuery } from "@tanstack/react-query";
import { useReactFlow } from "@xyflow/react";
import { X } from "lucide-react";
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { providersQuery } from "@/api/queries";
import type { Kind } from "@/api/types";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { IconButton, Loaded, Panel, SearchInput, SkeletonRows } from "@/ui";
import { added, placeOf } from "./adding";
import { DRAGGED } from "./drawing/view";
import { KindGlyph } from "./glyph";
import { decoration, labelOf } from "./graph";
import { RemoteRow } from "./remote-row";
import { spoken } from "./spoken";
import { useFlow, useFlowControl } from "./store";
import { useSurroundings } from "./surroundings";
import { useNarrow } from "./use-narrow";
import { useRemote } from "./use-remote";

const RECENT = 3;
/** Remote workflows shown below the kinds. */
const REMOTE = 25;

/** Every kind of node, and, for what is typed, the workflows of all connected platforms. A click or Enter adds one after the
 * selected node and wires it there; a drag puts it where it is dropped. */
export function AddPanel({ onClose, onAdded }: { onClose: () => void; onAdded: (id: string) => void }) {
  const { kinds } = useSurroundings();
  const control = useFlowControl();
  const narrow = useNarrow();
  const { screenToFlowPosition, setCenter, getZoom } = useReactFlow();
  const [search, setSearch] = useState("");
  const [recent, setRecent] = usePersistent<readonly string[]>("canvas-recent", []);
  const intent = useFlow((flow) => flow.intent);
  const place = useFlow((flow) => placeOf(flow, flow.intent));
  const selected = useFlow((flow) => {
    const [id] = flow.selection.nodes.size === 1 ? flow.selection.nodes : [];
    const step = flow.nodes.find((node) => node.id === id);
    return step && !decoration(step) ? labelOf(step) : null;
  });
  const box = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new place asks anew
  useEffect(() => box.current?.querySelector("input")?.focus(), [intent]);
  useEffect(() => () => control.intend(null), [control]);

  const within = useRef(false);
  // A row that had the focus and is not among the new results gives it back to the field.
  useLayoutEffect(() => {
    if (within.current && document.activeElement === document.body)
      box.current?.querySelector("input")?.focus();
  });

  const { data: providers = [] } = useQuery(providersQuery);
  const meant = spoken(search, providers);
  const words = meant.words.toLowerCase().split(" ").filter(Boolean);
  const found = [...kinds.values()].filter((kind) => {
    const text = `${kind.title} ${kind.type} ${kind.description} ${kind.group}`.toLowerCase();
    return !meant.remote && words.every((word) => text.includes(word));
  });
  const remote = useRemote(
    { ...(meant.words && { q: meant.words }), ...(meant.provider && { provider: meant.provider }) },
    onAdded,
    { enabled: search.trim() !== "" && meant.provider !== undefined, intent },
  );
  const last = recent.flatMap((type) => found.find((kind) => kind.type === type) ?? []).slice(0, RECENT);
  const groups = [...new Set(found.map((kind) => kind.group))].map(
    (group) => [group, found.filter((kind) => kind.group === group)] as const,
  );
  const shown = words.length === 0 && last.length ? [[t("Used last"), last] as const, ...groups] : groups;

  const add = (kind: Kind, wired: boolean) => {
    const flow = control.store.getState();
    const [only] = flow.selection.nodes.size === 1 ? flow.selection.nodes : [];
    const pane = document.querySelector(".react-flow")?.getBoundingClientRect();
    const middle = screenToFlowPosition({
      x: (pane?.x ?? 0) + (pane?.width ?? 0) / 2 - 116,
      y: (pane?.y ?? 0) + (pane?.height ?? 0) / 2 - 36,
    });
    const before = flow.nodes.find((node) => node.id === only) ?? null;
    const { step, drawing } = added(flow, kinds, kind, { intent, before, middle, wired });
    control.edit(`${intent?.on === "wire" ? t("Insert") : t("Add")} ${labelOf(step)}`, () => drawing);
    control.select([step.id]);
    control.intend(null);
    setRecent([kind.type, ...recent.filter((type) => type !== kind.type)].slice(0, 8));
    if (intent === null) {
      void setCenter(step.position.x + 116, step.position.y + 36, { zoom: getZoom() });
    }
    onAdded(step.id);
  };

  return (
    <Panel id="canvas-add" title={t("Add a node")} side="left" width={280} onClose={onClose} full={narrow}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrows go from row to row, on top of what the rows do */}
      <div
        ref={box}
        onKeyDown={walked}
        onFocus={() => {
          within.current = true;
        }}
        onBlur={(event) => {
          if (event.target.isConnected && document.hasFocus())
            within.current = box.current?.contains(event.relatedTarget) ?? false;
        }}
      >
        <div className="flex flex-col gap-2 p-3">
          <SearchInput
            label={t("Search nodes and remote workflows")}
            placeholder={t("Search, or @n8n lead")}
            value={search}
            onChange={(text) => {
              setSearch(text);
              remote.forget();
            }}
            onKeyDownCapture={(event) => {
              if (event.key === "Escape" && search === "") {
                event.preventDefault();
                onClose();
                document.querySelector<HTMLElement>(".baton-canvas")?.focus();
              }
              if (event.key !== "Enter") return;
              event.preventDefault();
              const first = shown[0]?.[1][0];
              if (first) add(first, !event.shiftKey);
              else remote.addFirst(!event.shiftKey);
            }}
          />
          {place ? (
            <p className="flex items-center justify-between gap-2 rounded-md bg-accent-soft px-2 py-1 text-xs">
              {place}
              <IconButton
                label={t("Add it somewhere else")}
                icon={X}
                size="sm"
                onClick={() => control.intend(null)}
              />
            </p>
          ) : (
            selected && (
              <p className="truncate text-muted text-xs">
                {t("After {selected}; with Shift unconnected.", { selected })}
              </p>
            )
          )}
        </div>
        {shown.map(([group, items]) => (
          <section key={group} aria-label={group} className="px-2 pb-2">
            <h3 className="px-2 py-1 font-medium text-muted text-xs">{group}</h3>
            <ul>
              {items.map((kind) => (
                <li key={kind.type}>
                  <button
                    type="button"
                    data-row
                    draggable
                    onDragStart={(event) => {
                      event.dataTransfer.setData(DRAGGED, kind.type);
                      event.dataTransfer.effectAllowed = "copy";
                    }}
                    onClick={(event) => add(kind, !event.shiftKey)}
                    className="flex w-full items-start gap-2.5 rounded-md p-2 text-left hover:bg-hover"
                  >
                    <span className="grid size-7 shrink-0 place-items-center rounded-md bg-sunken text-accent-text">
                      <KindGlyph type={kind.type} />
                    </span>
                    <span className="min-w-0">
                      <span className="block font-medium text-sm">{kind.title}</span>
                      <span className="block text-muted text-xs">{kind.description}</span>
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {search.trim() !== "" && (
          <section aria-label={t("Remote workflows")} className="px-2 pb-2">
            <h3 className="px-2 py-1 font-medium text-muted text-xs">{t("Remote workflows")}</h3>
            {meant.provider === undefined ? (
              <p className="px-2 text-muted text-sm">{t("No platform is called so. For example @n8n.")}</p>
            ) : (
              <RemoteRows remote={remote} />
            )}
          </section>
        )}
      </div>
    </Panel>
  );

  function walked(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows: Element[] = [...(box.current?.querySelectorAll("input, [data-row]") ?? [])];
    const at = document.activeElement ? rows.indexOf(document.activeElement) : -1;
    if (step === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    (rows[at + step] as HTMLElement | undefined)?.focus();
  }
}

/** The first of what is found, and where the rest is. */
function RemoteRows({ remote: { query, rows, pending, add } }: { remote: ReturnType<typeof useRemote> }) {
  return (
    <Loaded
      query={query}
      compact
      title={t("The workflows cannot be shown")}
      skeleton={<SkeletonRows rows={2} className="p-2" />}
    >
      {({ pages }) => {
        const total = pages[0]?.total ?? 0;
        if (total === 0)
          return <p className="px-2 text-muted text-sm">{t("No workflow of the platforms fits.")}</p>;
        return (
          <>
            <ul>
              {rows.slice(0, REMOTE).map((item, index) => {
                const id = `${item.connectionId} ${item.id}`;
                return (
                  <li key={id}>
                    <RemoteRow
                      item={item}
                      index={index}
                      pending={pending === id}
                      busy={pending !== null}
                      onAdd={add}
                    />
                  </li>
                );
              })}
            </ul>
            {total > REMOTE && (
              <p className="px-2 pt-1 text-muted text-xs">
                {t("{total} more. Type more of the name, or open Remote workflows.", {
                  total: count(total - REMOTE),
                })}
              </p>
            )}
          </>
        );
      }}
    </Loaded>
  );
}
