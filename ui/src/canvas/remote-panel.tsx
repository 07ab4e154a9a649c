import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { OfferFilter } from "@/api/queries";
import type { Offer, OfferPage } from "@/api/types";
import { t } from "@/lib/text";
import { Button, EmptyState, Loaded, Panel, ProviderChip, SearchInput, Select } from "@/ui";
import { RemoteRow } from "./remote-row";
import { useRemote } from "./use-remote";

const ROW = 52;
const ALL = "all";

/** The workflows of all connected platforms. Enter or a click adds one after the selected node; a drag puts it where it is
 * dropped. */
export function RemotePanel({ onClose, onAdded }: { onClose: () => void; onAdded: (id: string) => void }) {
  const [q, setQ] = useState("");
  const [provider, setProvider] = useState(ALL);
  const filter: OfferFilter = { ...(q && { q }), ...(provider !== ALL && { provider }) };
  const { query, rows, pending, add, addFirst, forget } = useRemote(filter, onAdded);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector("input")?.focus(), []);

  return (
    <Panel
      id="canvas-remote"
      title={t("Remote workflows")}
      side="left"
      width={300}
      onClose={onClose}
      className="max-md:absolute max-md:z-30"
    >
      <div ref={box} className="flex h-full min-h-0 flex-col">
        <div className="flex flex-col gap-2 p-3">
          <SearchInput
            label={t("Search remote workflows")}
            value={q}
            onChange={(text) => {
              setQ(text);
              forget();
            }}
            onKeyDownCapture={(event) => {
              if (event.key === "ArrowDown") {
                event.preventDefault();
                box.current?.querySelector<HTMLElement>("[data-row]")?.focus();
              }
              if (event.key !== "Enter") return;
              event.preventDefault();
              addFirst(!event.shiftKey);
            }}
          />
          <Platforms page={query.data?.pages[0]} value={provider} onChange={setProvider} />
        </div>
        <Loaded query={query} title={t("The workflows cannot be shown")}>
          {({ pages }) =>
            rows.length > 0 ? (
              <List
                rows={rows}
                total={pages[0]?.total ?? rows.length}
                pending={pending}
                onAdd={add}
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
      label={t("Platform")}
      value={value}
      onChange={onChange}
      options={[
        { value: ALL, label: t("All platforms") },
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
        {t("{total, plural, one {# workflow} other {# workflows}}. Drag one, or press Enter.", { total })}
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
                <RemoteRow
                  item={item}
                  index={index}
                  pending={pending === id}
                  busy={pending !== null}
                  onKeyDown={(event) => move(event, index)}
                  onAdd={onAdd}
                />
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

function Nothing({ page, narrowed }: { page: OfferPage | undefined; narrowed: boolean }) {
  if (narrowed) return <p className="px-4 text-muted text-sm">{t("No workflow fits.")}</p>;
  if (page?.connections.some((each) => each.renewing)) {
    return <p className="px-4 text-muted text-sm">{t("The platforms are asked for their workflows …")}</p>;
  }
  return (
    <EmptyState
      title={page?.connections.length ? t("No workflow yet") : t("Nothing is connected")}
      className="px-4 py-8"
      actions={
        <Button asChild size="sm">
          <Link to="/connections">{t("Connections")}</Link>
        </Button>
      }
    >
      {page?.connections.length
        ? t("The connected accounts see no workflow.")
        : t("Connect a platform, and its workflows can be steps.")}
    </EmptyState>
  );
}
