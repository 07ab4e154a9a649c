import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useReactFlow } from "@xyflow/react";
import { LoaderCircle } from "lucide-react";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import { type OfferFilter, offersQuery } from "@/api/queries";
import type { Offer, OfferPage } from "@/api/types";
import { plural } from "@/lib/time";
import { Button, EmptyState, Loaded, Panel, ProviderChip, SearchInput, Select } from "@/ui";
import { CARD } from "./graph";
import { useImport } from "./use-import";

const DRAGGED = "application/x-baton-workflow";
const ROW = 52;
const ALL = "all";

/** The workflows of all connected platforms. Enter or a click adds one after the selected node; a drag puts it where it is
 * dropped. */
export function RemotePanel({ onClose, onAdded }: { onClose: () => void; onAdded: (id: string) => void }) {
  const [q, setQ] = useState("");
  const [provider, setProvider] = useState(ALL);
  const filter: OfferFilter = { ...(q && { q }), ...(provider !== ALL && { provider }) };
  const query = useInfiniteQuery(offersQuery(filter));
  const { add, pending } = useImport(onAdded);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);
  // Enter means the first of what is found for the words as they are, also when that is still on its way.
  const [wanted, setWanted] = useState<{ wired: boolean } | null>(null);
  useEffect(() => {
    if (wanted === null || !query.data || query.isPlaceholderData || pending !== null) return;
    const first = rows.find((item) => item.executable);
    if (!first && query.data.pages[0]?.connections.some((each) => each.renewing)) return;
    setWanted(null);
    if (first) void add(first, wanted);
  }, [wanted, query.data, query.isPlaceholderData, pending, rows, add]);
  useDrops((item, at) => void add(item, { at }));

  return (
    <Panel
      id="canvas-remote"
      title="Remote workflows"
      side="left"
      width={300}
      onClose={onClose}
      className="max-md:absolute max-md:z-30"
    >
      <div ref={box} className="flex h-full min-h-0 flex-col">
        <div className="flex flex-col gap-2 p-3">
          <SearchInput
            label="Search remote workflows"
            value={q}
            onChange={(text) => {
              setQ(text);
              setWanted(null);
            }}
            onKeyDownCapture={(event) => {
              if (event.key === "ArrowDown") {
                event.preventDefault();
                box.current?.querySelector<HTMLElement>("[data-row]")?.focus();
              }
              if (event.key !== "Enter") return;
              event.preventDefault();
              setWanted({ wired: !event.shiftKey });
            }}
          />
          <Platforms page={query.data?.pages[0]} value={provider} onChange={setProvider} />
        </div>
        <Loaded query={query} title="The workflows cannot be shown">
          {({ pages }) =>
            rows.length > 0 ? (
              <List
                rows={rows}
                total={pages[0]?.total ?? rows.length}
                pending={pending}
                onAdd={(item, wired) => void add(item, { wired })}
                onEnd={() => query.hasNextPage && !query.isFetchingNextPage && void query.fetchNextPage()}
              />
            ) : (
              <Nothing page={pages[0]} narrowed={q !== "" || provider !== ALL} />
            )
          }
        </Loaded>
      </div>
    </Panel>
  );
}

function Platforms({
  page,
  value,
  onChange,
}: {
  page: OfferPage | undefined;
  value: string;
  onChange: (value: string) => void;
}) {
  const names = [...new Set((page?.connections ?? []).map((each) => each.provider))];
  if (names.length < 2) return null;
  return (
    <Select
      label="Platform"
      value={value}
      onChange={onChange}
      options={[
        { value: ALL, label: "All platforms" },
        ...names.map((name) => ({
          value: name,
          label: name,
          icon: <ProviderChip provider={name} />,
        })),
      ]}
    />
  );
}

type ListProps = {
  rows: readonly Offer[];
  total: number;
  pending: string | null;
  onAdd: (item: Offer, wired: boolean) => void;
  onEnd: () => void;
};

function List({ rows, total, pending, onAdd, onEnd }: ListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - 15) onEnd();
  }, [last, rows.length, onEnd]);
  const move = (event: KeyboardEvent, index: number) => {
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.max(0, Math.min(rows.length - 1, to));
    virtual.scrollToIndex(next);
    window.requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus(),
    );
  };
  return (
    <>
      <p role="status" className="px-4 pb-1 text-muted text-xs">
        {plural(total, "workflow")}. Drag one, or press Enter.
      </p>
      <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
        <ul className="relative" style={{ height: virtual.getTotalSize() }}>
          {shown.map(({ index, start }) => {
            const item = rows[index];
            if (!item) return null;
            const id = `${item.connectionId} ${item.id}`;
            return (
              <li
                key={id}
                className="absolute inset-x-0 top-0"
                style={{ height: ROW, transform: `translateY(${start}px)` }}
              >
                <button
                  type="button"
                  data-row={index}
                  draggable={item.executable}
                  aria-disabled={!item.executable || undefined}
                  title={item.executable ? undefined : `Cannot be a step: ${item.reason ?? "not startable"}`}
                  onDragStart={(event) => {
                    const { provider, connectionId, name } = item;
                    const text = JSON.stringify({ provider, connectionId, id: item.id, name });
                    event.dataTransfer.setData(DRAGGED, text);
                    event.dataTransfer.effectAllowed = "copy";
                  }}
                  onKeyDown={(event) => move(event, index)}
                  onClick={(event) => item.executable && pending === null && onAdd(item, !event.shiftKey)}
                  className="flex h-12 w-full items-center gap-2.5 rounded-md px-2 text-left hover:bg-hover aria-disabled:cursor-default"
                >
                  {pending === id ? (
                    <LoaderCircle aria-label="Adding" className="size-5 shrink-0 animate-spin text-muted" />
                  ) : (
                    <ProviderChip provider={item.provider} />
                  )}
                  <span className="min-w-0 flex-1">
                    <span
                      className={
                        item.executable
                          ? "block truncate font-medium text-sm"
                          : "block truncate text-muted text-sm"
                      }
                    >
                      {item.name}
                    </span>
                    <span className="block truncate text-muted text-xs">
                      {item.executable ? item.trigger.kind : "cannot be a step"} · {item.connectionName}
                      {item.folder && ` / ${item.folder}`}
                    </span>
                  </span>
                </button>
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

function Nothing({ page, narrowed }: { page: OfferPage | undefined; narrowed: boolean }) {
  if (narrowed) return <p className="px-4 text-muted text-sm">No workflow fits.</p>;
  if (page?.connections.some((each) => each.renewing)) {
    return <p className="px-4 text-muted text-sm">The platforms are asked for their workflows …</p>;
  }
  return (
    <EmptyState
      title={page?.connections.length ? "No workflow yet" : "Nothing is connected"}
      className="px-4 py-8"
      actions={
        <Button asChild size="sm">
          <Link to="/connections">Connections</Link>
        </Button>
      }
    >
      {page?.connections.length
        ? "The connected accounts see no workflow."
        : "Connect a platform, and its workflows can be steps."}
    </EmptyState>
  );
}

/** Takes what is dragged from this panel onto the drawing. */
function useDrops(
  onDrop: (
    item: Pick<Offer, "provider" | "connectionId" | "id" | "name">,
    at: { x: number; y: number },
  ) => void,
) {
  const { screenToFlowPosition } = useReactFlow();
  const latest = useRef(onDrop);
  useEffect(() => {
    latest.current = onDrop;
  });
  useEffect(() => {
    // With what lies over the drawing while it is empty.
    const pane = document.querySelector<HTMLElement>(".react-flow")?.parentElement;
    if (!pane) return;
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes(DRAGGED)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    };
    const drop = (event: DragEvent) => {
      const text = event.dataTransfer?.getData(DRAGGED);
      if (!text) return;
      event.preventDefault();
      const at = screenToFlowPosition({ x: event.clientX, y: event.clientY });
      latest.current(JSON.parse(text), { x: at.x - CARD.width / 2, y: at.y - CARD.height / 2 });
    };
    pane.addEventListener("dragover", over);
    pane.addEventListener("drop", drop);
    return () => {
      pane.removeEventListener("dragover", over);
      pane.removeEventListener("drop", drop);
    };
  }, [screenToFlowPosition]);
}
