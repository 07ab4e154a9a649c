import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { focusRow } from "./focus-row";

export type Column<T> = {
  key: string;
  header: ReactNode;
  /** A track of CSS grid: "120px", "minmax(0, 2fr)". */
  width: string;
  cell: (row: T) => ReactNode;
  align?: "start" | "end";
  /** Left out on narrow screens. */
  wide?: boolean;
};

type Props<T> = {
  /** What the rows are: "Runs". */
  label: string;
  columns: ReadonlyArray<Column<T>>;
  rows: readonly T[];
  rowId: (row: T) => string;
  rowHeight?: number;
  selected?: string | null;
  onSelect?: (row: T) => void;
  /** Enter or double click; also a click when there is no `onSelect`. */
  onOpen?: (row: T) => void;
  /** Called when the end comes near and there is more. */
  onEnd?: () => void;
  hasMore?: boolean;
  loadingMore?: boolean;
  onKey?: (event: KeyboardEvent, row: T) => void;
  rowClassName?: (row: T) => string | undefined;
  className?: string;
};

/** A virtual table: only rows in view are in the page, so 100,000 are as quick as ten. It fills its parent's height.
 *
 * Keys: ↑ ↓ or K J move, Home and End jump, Enter opens. One row is in the tab order. */
export function Table<T>(props: Props<T>) {
  const {
    columns,
    rows,
    rowId,
    rowHeight = 40,
    selected,
    onSelect,
    onOpen,
    onEnd,
    hasMore,
    loadingMore,
  } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const at = Math.min(cursor, Math.max(0, rows.length - 1));

  useEffect(() => {
    if (hasMore && !loadingMore && last >= rows.length - 15) onEnd?.();
  }, [hasMore, loadingMore, last, rows.length, onEnd]);

  const move = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setCursor(next);
    focusRow(virtual, scroller.current, next);
  };

  const pressed = (event: KeyboardEvent, row: T, index: number) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = {
      ArrowDown: index + 1,
      j: index + 1,
      ArrowUp: index - 1,
      k: index - 1,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === "Enter") {
      event.preventDefault();
      (onOpen ?? onSelect)?.(row);
    } else props.onKey?.(event, row);
  };

  const tracks = columns.map((column) => column.width).join(" ");
  const narrow = columns
    .filter((column) => !column.wide)
    .map((column) => column.width)
    .join(" ");
  const style = { "--tracks": tracks, "--narrow": narrow } as React.CSSProperties;
  const line = "grid grid-cols-(--narrow) items-center gap-3 px-4 md:grid-cols-(--tracks)";
  const hidden = (column: Column<T>) => (column.wide ? "hidden md:block" : "");
  const end = (column: Column<T>) => (column.align === "end" ? "text-right" : "");

  return (
    <div
      ref={scroller}
      role="table"
      aria-label={props.label}
      aria-rowcount={hasMore ? -1 : rows.length + 1}
      style={style}
      className={cn("min-h-0 flex-1 overflow-auto", props.className)}
    >
      <div role="rowgroup" className="sticky top-0 z-10 border-b bg-surface">
        <div role="row" className={cn(line, "h-8 text-muted text-xs")}>
          {columns.map((column) => (
            <div key={column.key} role="columnheader" className={cn("truncate", hidden(column), end(column))}>
              {column.header}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const id = rowId(row);
          return (
            <div
              key={id}
              role="row"
              data-index={item.index}
              aria-rowindex={item.index + 2}
              aria-selected={selected === undefined ? undefined : selected === id}
              tabIndex={item.index === at ? 0 : -1}
              onFocus={() => setCursor(item.index)}
              onClick={() => (onSelect ?? onOpen)?.(row)}
              onDoubleClick={() => onOpen?.(row)}
              onKeyDown={(event) => pressed(event, row, item.index)}
              style={{ height: item.size, transform: `translateY(${item.start}px)` }}
              className={cn(
                line,
                "absolute inset-x-0 top-0 border-b text-sm -outline-offset-2",
                (onSelect ?? onOpen) && "cursor-pointer hover:bg-hover",
                selected === id && "bg-accent-soft",
                props.rowClassName?.(row),
              )}
            >
              {columns.map((column) => (
                <div
                  key={column.key}
                  role="cell"
                  className={cn("min-w-0 truncate", hidden(column), end(column))}
                >
                  {column.cell(row)}
                </div>
              ))}
            </div>
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
