import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { RunItem } from "@/api/types";
import { cn } from "@/lib/cn";
import { named, sequenceOf } from "@/lib/hotkeys";
import { idsOf, type ShortcutId, useShortcuts } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { Checkbox } from "@/ui";
import { focusRow } from "@/ui/focus-row";
import { RunColumns, tracksOf } from "./columns";
import { RunExpanded } from "./expanded";
import type { Row } from "./rows";
import type { Density, TableLook } from "./table-menu";

function heightOf(row: Row | undefined, density: Density): number {
  if (row?.kind === "head") return 32;
  if (row?.kind !== "detail") return density === "compact" ? 32 : 40;
  return Math.min(208, Math.max(row.run.error ? 136 : 64, 16 + 24 * row.run.steps.length));
}

export type RunActions = {
  open: (run: RunItem) => void;
  rerun: (run: RunItem) => void;
  cancel: (run: RunItem) => void;
  /** Or out of the archive, if it is there. */
  archive: (run: RunItem) => void;
};

type Props = {
  rows: readonly Row[];
  look: TableLook;
  usual: ReadonlyMap<string, number>;
  may: boolean;
  selected: ReadonlySet<string>;
  onSelected: (selected: ReadonlySet<string>) => void;
  expanded: ReadonlySet<string>;
  onExpand: (id: string, open: boolean) => void;
  actions: RunActions;
  hasMore: boolean;
  loadingMore: boolean;
  onEnd: () => void;
};

/** The runs, virtual: only lines in view are in the page.
 *
 * One line is in the tab order; what its buttons do has keys. */
export function RunList(props: Props) {
  const { rows, look, selected, onSelected, expanded, onExpand, actions, may, hasMore, loadingMore, onEnd } =
    props;
  const { density } = look;
  const scroller = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const from = useRef<string | null>(null); // where a range begins
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: useCallback((index: number) => heightOf(rows[index], density), [rows, density]),
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 10,
  });
  // Sizes are kept by key; another density has others.
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured anew once for each density
  useEffect(() => virtual.measure(), [density, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !loadingMore && last >= rows.length - 15) onEnd();
  }, [hasMore, loadingMore, last, rows.length, onEnd]);

  const stops = (index: number, by: 1 | -1): number | null => {
    for (let at = index; at >= 0 && at < rows.length; at += by) if (rows[at]?.kind === "run") return at;
    return null;
  };
  const known = cursor === null ? -1 : rows.findIndex((row) => row.id === cursor);
  const at = known >= 0 ? known : (stops(0, 1) ?? 0);
  const focus = (index: number | null) => {
    const row = index === null ? undefined : rows[index];
    if (index === null || !row) return;
    setCursor(row.id);
    focusRow(virtual, scroller.current, index);
  };
  useShortcuts({ nextRun: () => focus(at), previousRun: () => focus(at) });

  const select = (index: number, range: boolean) => {
    const next = new Set(selected);
    const chosen = rows[index];
    if (chosen?.kind !== "run") return;
    const begin = range && from.current !== null ? rows.findIndex((row) => row.id === from.current) : -1;
    if (begin >= 0) {
      for (const row of rows.slice(Math.min(begin, index), Math.max(begin, index) + 1)) {
        if (row.kind === "run") next.add(row.run.id);
      }
    } else {
      if (!next.delete(chosen.run.id)) next.add(chosen.run.id);
      from.current = chosen.id;
    }
    onSelected(next);
  };

  const pressed = (event: KeyboardEvent<HTMLElement>, run: RunItem, index: number) => {
    if (event.target !== event.currentTarget) return;
    const key = named(event.nativeEvent);
    const sequence = sequenceOf(event.nativeEvent);
    if (sequence !== key && idsOf(sequence).length > 0) return; // the end of "g c" goes to a screen
    const does: Partial<Record<ShortcutId, () => void>> = {
      nextRun: () => focus(stops(index + 1, 1)),
      previousRun: () => focus(stops(index - 1, -1)),
      unfold: () => onExpand(run.id, true),
      fold: () => onExpand(run.id, false),
      openRun: () => actions.open(run),
      selectRun: () => select(index, false),
      selectRuns: () => select(index, true),
      runMenu: () => openMenu(event.currentTarget),
      ...(may && { rerun: () => actions.rerun(run), cancelRun: () => actions.cancel(run) }),
    };
    const fixed: Record<string, () => void> = {
      arrowdown: () => focus(stops(index + 1, 1)),
      arrowup: () => focus(stops(index - 1, -1)),
      home: () => focus(stops(0, 1)),
      end: () => focus(stops(rows.length - 1, -1)),
    };
    const id = idsOf(key).find((each) => does[each]);
    const action = id ? does[id] : fixed[key];
    if (!action) return;
    event.preventDefault();
    action();
  };

  const all = new Set(rows.flatMap((row) => (row.kind === "run" ? [row.run.id] : [])));
  const chosen = [...all].filter((id) => selected.has(id)).length;
  return (
    <div
      ref={scroller}
      role="table"
      aria-label={t("Runs")}
      aria-rowcount={hasMore ? -1 : rows.length + 1}
      style={tracksOf(look)}
      className="min-h-0 flex-1 overflow-auto"
    >
      <div role="rowgroup" className="sticky top-0 z-10 border-b bg-surface">
        <Line role="row" className="h-8 text-muted text-xs">
          <span role="columnheader" className="flex items-center gap-2">
            <Checkbox
              aria-label={
                chosen === all.size ? t("Select none") : t("Select all {all} loaded", { all: all.size })
              }
              checked={chosen === 0 ? false : chosen === all.size ? true : "indeterminate"}
              onCheckedChange={() => onSelected(chosen === all.size ? new Set() : all)}
            />
            <span className="sr-only">{t("Selected")}</span>
          </span>
          <RunColumns.Heads look={look} />
        </Line>
      </div>
      <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const place = { height: item.size, transform: `translateY(${item.start}px)` };
          if (row.kind !== "run") {
            return (
              <div
                key={row.id}
                role="row"
                data-index={item.index}
                aria-rowindex={item.index + 2}
                style={place}
                className="absolute inset-x-0 top-0 overflow-hidden border-b bg-sunken"
              >
                <div role="cell" className="h-full">
                  {row.kind === "head" ? <Head row={row} more={hasMore} /> : <RunExpanded run={row.run} />}
                </div>
              </div>
            );
          }
          const { run } = row;
          const isSelected = selected.has(run.id);
          return (
            <Line
              key={row.id}
              role="row"
              data-index={item.index}
              aria-rowindex={item.index + 2}
              tabIndex={item.index === at ? 0 : -1}
              onFocus={() => setCursor(row.id)}
              onClick={() => actions.open(run)}
              onKeyDown={(event) => pressed(event, run, item.index)}
              style={place}
              className={cn(
                "absolute inset-x-0 top-0 cursor-pointer border-b text-sm -outline-offset-2 hover:bg-hover",
                isSelected && "bg-accent-soft",
              )}
            >
              {/* biome-ignore lint/a11y: keeps a click beside the box from opening the run */}
              <div
                role="cell"
                className="flex h-full items-center"
                onClick={(event) => {
                  event.stopPropagation();
                  if (event.target === event.currentTarget || event.shiftKey)
                    select(item.index, event.shiftKey);
                }}
              >
                <Checkbox
                  tabIndex={-1}
                  aria-label={t("Select run {number}", { number: run.number })}
                  checked={isSelected}
                  onClick={(event) => event.shiftKey && event.preventDefault()}
                  onCheckedChange={() => select(item.index, false)}
                />
              </div>
              <RunColumns.Cells
                run={run}
                look={look}
                usual={props.usual.get(run.orchestratorId)}
                may={may}
                expanded={expanded.has(run.id)}
                onExpand={(open) => onExpand(run.id, open)}
                actions={actions}
              />
            </Line>
          );
        })}
      </div>
      {loadingMore && (
        <p role="status" className="px-4 py-2 text-muted text-xs">
          {t("Loading more …")}
        </p>
      )}
    </div>
  );
}

function Line({ className, ...rest }: React.ComponentProps<"div"> & { children: ReactNode }) {
  return (
    <div
      {...rest}
      className={cn(
        "grid grid-cols-(--narrow) items-center gap-2 px-3 md:grid-cols-(--medium) xl:grid-cols-(--wide)",
        className,
      )}
    />
  );
}

function Head({ row, more }: { row: Extract<Row, { kind: "head" }>; more: boolean }) {
  return (
    <h2 className="flex h-full items-center gap-3 px-3 text-xs">
      <span className="truncate font-semibold">{row.title}</span>
      <span className="tabular shrink-0 text-muted">
        {count(row.runs)}
        {more && t(" loaded")}
        {row.failed > 0 && t(" · {failed} failed", { failed: count(row.failed) })}
      </span>
    </h2>
  );
}

/** The menu of a line opens as if its button had been pressed. */
function openMenu(line: HTMLElement): void {
  const button = line.querySelector<HTMLElement>("[data-menu]");
  button?.focus();
  button?.dispatchEvent(
    new window.KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }),
  );
}
