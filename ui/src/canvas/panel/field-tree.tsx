import { ChevronRight, TextCursorInput } from "lucide-react";
import { useState } from "react";
import { dragPath, glimpse, type InsertPlaces, TypeHint } from "@/forms";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { joined, Menu, type MenuItem } from "@/ui";

const PAGE = 100;

type Props = {
  name: string;
  path: string;
  value: unknown;
  open?: number;
  depth?: number;
  /** Where a field can be sent to by its menu; without, fields cannot be picked. */
  places?: InsertPlaces;
};

/** JSON as rows that open and close. Each can be dragged into a setting, or sent there by its menu. */
export function FieldTree({ name, path, value, open = 1, depth = 0, places }: Props) {
  const [shown, setShown] = useState(depth < open);
  const [limit, setLimit] = useState(PAGE);
  const branch = typeof value === "object" && value !== null && !(value instanceof TypeHint);
  const entries = branch ? Object.entries(value) : [];
  const list = Array.isArray(value);
  return (
    <li>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dragging has its keyboard way in the row's menu */}
      <div
        draggable={places !== undefined}
        onDragStart={(event) => dragPath(event, path)}
        data-path={path}
        style={{ paddingLeft: depth * 12 }}
        className={cn(
          "group flex min-h-6 min-w-0 items-center gap-1 rounded-sm pr-1 font-mono text-xs hover:bg-hover",
          places && "cursor-grab",
        )}
      >
        {branch && entries.length > 0 ? (
          <button
            type="button"
            aria-expanded={shown}
            aria-label={`${name}: ${glimpse(value)}`}
            onClick={() => setShown(!shown)}
            className="grid size-6 shrink-0 place-items-center rounded-sm text-muted hover:bg-pressed"
          >
            <ChevronRight aria-hidden className={cn("size-3.5 transition-transform", shown && "rotate-90")} />
          </button>
        ) : (
          <span className="size-6 shrink-0" />
        )}
        <span className="shrink-0 text-ink">{name}</span>
        <span
          className={cn(
            "min-w-0 flex-1 truncate",
            branch || value instanceof TypeHint ? "text-muted" : tone(value),
          )}
        >
          {glimpse(value, 80)}
        </span>
        {places && <PlaceMenu path={path} places={places} />}
      </div>
      {shown && entries.length > 0 && (
        <ul>
          {entries.slice(0, limit).map(([key, item]) => (
            <FieldTree
              key={key}
              name={list ? `[${key}]` : key}
              path={joined(path, key, list)}
              value={item}
              depth={depth + 1}
              open={open}
              places={places}
            />
          ))}
          {entries.length > limit && (
            <li>
              <button
                type="button"
                className="ml-7 min-h-6 text-accent-text text-xs hover:underline"
                onClick={() => setLimit(limit + PAGE)}
              >
                {t("{entries} more", { entries: entries.length - limit })}
              </button>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

function PlaceMenu({ path, places }: { path: string; places: InsertPlaces }) {
  const [items, setItems] = useState<MenuItem[]>([]);
  const fill = () => {
    const found = places.list();
    setItems([
      { heading: t("Insert {path} into…", { path }) },
      ...found.map((place, index) => ({
        label:
          found.findIndex((each) => each.label === place.label) === index
            ? place.label
            : `${place.label} (${index + 1})`,
        onSelect: () => place.insert(path),
      })),
      ...(found.length === 0
        ? [{ label: t("No setting here takes one"), onSelect: () => undefined, disabled: true }]
        : []),
      { separator: true },
      { label: t("Copy the path"), onSelect: () => void navigator.clipboard.writeText(path) },
    ]);
  };
  return (
    <Menu
      align="end"
      items={items}
      trigger={
        <button
          type="button"
          aria-label={t("Insert {path} into…", { path })}
          onPointerDown={fill}
          onKeyDown={fill}
          onFocus={fill}
          className="grid size-6 shrink-0 place-items-center rounded-sm text-muted opacity-0 hover:bg-pressed focus-visible:opacity-100 group-hover:opacity-100 data-[state=open]:opacity-100"
        >
          <TextCursorInput aria-hidden className="size-3.5" />
        </button>
      }
    />
  );
}

function tone(value: unknown): string {
  return typeof value === "string"
    ? "text-st-done"
    : typeof value === "number"
      ? "text-st-running"
      : "text-st-waiting";
}
