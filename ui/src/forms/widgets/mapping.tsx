import { CircleAlert, Plus, Trash2, WandSparkles } from "lucide-react";
import { useId, useMemo } from "react";
import type { JsonObject, Mapped, Schemas } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Button, IconButton, Input, JsonView, Select } from "@/ui";
import { useFormSurroundings, useInsertPlace } from "../context";
import {
  type MapRow,
  type MapTarget,
  type MapType,
  mappedByName,
  rowFor,
  targetOf,
  unmapped,
} from "../mapping";
import { everyPath, glimpse } from "../paths";
import { useMapped, Value } from "../preview";
import { titleOf, unwrapped } from "../schema";
import type { WidgetProps } from "../types";
import { WidgetError } from "./groups";

/** Source field to target field: a table for mouse, keyboard and screen reader alike, with what comes of it below. */
export function MappingWidget({ value, onChange, name, path, schema, disabled }: WidgetProps<JsonObject[]>) {
  const { sample, scope, targets = [] } = useFormSurroundings();
  const list = useId();
  const rows = (value ?? []) as MapRow[];
  const sources = useMemo(() => (scope ? everyPath(scope) : []), [scope]);
  // A row without a target is still being written: it is tried once it has one.
  const tried = useMemo(() => {
    const found = ((value ?? []) as MapRow[])
      .map((row, at) => ({ row, at }))
      .filter(({ row }) => targetOf(row));
    return {
      at: found.map(({ at }) => at),
      mappings: found.map(({ row }) => ({
        ...row,
        from: row.from ?? "",
        to: row.to ?? "",
      })) as Schemas["Mapping"][],
    };
  }, [value]);
  const result = useMapped(tried.mappings);
  const open = unmapped(rows, targets);
  const shape = unwrapped(schema.items?.properties?.type ?? {}).schema;
  const types = (shape.enum ?? []).filter((each) => each !== null).map(String);
  const set = (next: readonly MapRow[], what?: string) => onChange(next as JsonObject[], what);
  const change = (index: number, next: MapRow) => set(rows.map((row, at) => (at === index ? next : row)));
  const byName = mappedByName(rows, targets, sample?.context ?? {});
  const add = useInsertPlace(
    t("a new mapping"),
    (from) => set([...rows, rowFor(from)], t("Map {from}", { from })),
    disabled,
  );
  return (
    <fieldset className="flex min-w-0 flex-col gap-2" disabled={disabled}>
      <legend className="mb-1 font-medium text-sm">{titleOf(name, schema)}</legend>
      <WidgetError path={path} />
      {open.length > 0 && (
        <Open
          targets={open}
          disabled={disabled}
          onMap={(to, from) =>
            set([...rows, { from, to }], from ? t("Map {from} to {to}", { from, to }) : t("Add {to}", { to }))
          }
        />
      )}
      <datalist id={list}>
        {sources.map((source) => (
          <option key={source.path} value={source.path} label={glimpse(source.value)} />
        ))}
      </datalist>
      {rows.length > 0 && (
        <ol className="flex min-w-0 flex-col gap-2" aria-label={t("Mappings")}>
          {rows.map((row, index) => (
            <Row
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no ids, and their order is the user's
              key={index}
              number={index + 1}
              row={row}
              types={types}
              list={list}
              disabled={disabled}
              outcome={outcome(result, tried.at.indexOf(index))}
              onChange={(next) => change(index, next)}
              onRemove={() =>
                set(
                  rows.filter((_, at) => at !== index),
                  t("Remove mapping {index}", { index: index + 1 }),
                )
              }
            />
          ))}
        </ol>
      )}
      <div
        {...add.props}
        className={cn(
          "flex flex-wrap items-center gap-2 rounded-md border border-dashed p-2",
          add.over ? "border-accent bg-accent-soft" : "border-line",
        )}
      >
        <Button
          size="sm"
          icon={Plus}
          onClick={() => set([...rows, { from: "", to: "" }], t("Add a mapping"))}
        >
          {t("Add mapping")}
        </Button>
        <Button
          size="sm"
          icon={WandSparkles}
          disabled={byName === rows}
          title={
            byName === rows ? t("No field of the sample has the name of one that is still open.") : undefined
          }
          onClick={() => set(byName, t("Map by name"))}
        >
          {t("Map by name")}
        </Button>
        <span className="text-muted text-xs">{t("or drop a field of the input here")}</span>
      </div>
      {result && (
        <section
          aria-label={t("Result on the sample")}
          aria-live="polite"
          className="rounded-md bg-sunken p-2"
        >
          <p className="mb-1 text-muted text-xs">{t("Result on the sample")}</p>
          <JsonView value={result.output} open={3} />
        </section>
      )}
      {!result && rows.length > 0 && sample === null && (
        <p className="text-muted text-xs">{t("No sample yet: run the steps before, or paste an example.")}</p>
      )}
    </fieldset>
  );
}

type Outcome = { value: unknown; missing: boolean; problem: string | null; severity: "error" | "warning" };

function outcome(result: Mapped | undefined, at: number): Outcome | null {
  const row = at < 0 ? undefined : result?.rows[at];
  if (!row) return null;
  const warning = result?.warnings.find((each) => each.row === at);
  return {
    value: row.value,
    missing: row.missing,
    problem: warning ? [warning.message, warning.hint].filter(Boolean).join(". ") : null,
    severity: warning?.severity ?? "warning",
  };
}

type OpenProps = {
  targets: readonly MapTarget[];
  disabled: boolean;
  onMap: (to: string, from: string) => void;
};

/** What the next step takes and nothing gives yet; needed ones first. */
function Open({ targets, disabled, onMap }: OpenProps) {
  const sorted = [...targets].sort((a, b) => Number(b.required) - Number(a.required));
  return (
    <section
      aria-label={t("Not mapped yet")}
      className="flex flex-col gap-1 rounded-md border border-line p-2"
    >
      <p className="text-muted text-xs">{t("Not mapped yet: what the next step takes")}</p>
      <ul className="flex flex-wrap gap-1.5">
        {sorted.slice(0, 60).map((target) => (
          <Target key={target.path} target={target} disabled={disabled} onMap={onMap} />
        ))}
      </ul>
    </section>
  );
}

function Target({ target, disabled, onMap }: Omit<OpenProps, "targets"> & { target: MapTarget }) {
  const drop = useInsertPlace(
    t("{path} of the next step", { path: target.path }),
    (from) => onMap(target.path, from),
    disabled,
  );
  return (
    <li {...drop.props}>
      <button
        type="button"
        disabled={disabled}
        onClick={() => onMap(target.path, "")}
        className={cn(
          "flex min-h-6 items-center gap-1 rounded-md border px-1.5 font-mono text-xs hover:bg-hover",
          drop.over ? "border-accent bg-accent-soft" : "border-line",
        )}
      >
        <Plus aria-hidden className="size-3 text-muted" />
        {target.path}
        {target.type && <span className="text-muted">{target.type}</span>}
        {target.required && <span className="font-sans text-st-waiting">{t("needed")}</span>}
      </button>
    </li>
  );
}

type RowProps = {
  number: number;
  row: MapRow;
  types: string[];
  list: string;
  disabled: boolean;
  outcome: Outcome | null;
  onChange: (row: MapRow) => void;
  onRemove: () => void;
};

function Row({ number, row, types, list, disabled, outcome: result, onChange, onRemove }: RowProps) {
  const drop = useInsertPlace(
    t("mapping {number}{what}", { number, what: row.to ? ` (${row.to})` : "" }),
    (from) => onChange({ ...row, from, to: row.to || rowFor(from).to }),
    disabled,
  );
  const standard =
    row.default === undefined
      ? ""
      : typeof row.default === "string"
        ? row.default
        : JSON.stringify(row.default);
  const any = t("any type");
  return (
    <li
      {...drop.props}
      data-mapping={number}
      data-source={row.from ?? ""}
      className={cn(
        "flex min-w-0 flex-col gap-1 rounded-md border p-2",
        drop.over ? "border-accent bg-accent-soft" : "border-line",
      )}
    >
      <div className="flex min-w-0 items-center gap-1.5">
        <Input
          aria-label={t("From, mapping {number}", { number })}
          placeholder={t("From: data.total")}
          list={list}
          className="font-mono text-xs"
          value={row.from ?? ""}
          onChange={(event) => onChange({ ...row, from: event.target.value })}
        />
        <span aria-hidden className="text-muted">
          →
        </span>
        <Input
          aria-label={t("To, mapping {number}", { number })}
          placeholder={t("To: order.total")}
          className="font-mono text-xs"
          value={row.to ?? ""}
          onChange={(event) => onChange({ ...row, to: event.target.value })}
        />
        <IconButton
          label={t("Remove mapping {number}", { number })}
          icon={Trash2}
          size="sm"
          onClick={onRemove}
        />
      </div>
      <div className="flex min-w-0 items-center gap-1.5">
        <Select
          label={t("Type, mapping {number}", { number })}
          className="h-7 w-28 shrink-0 text-xs"
          disabled={disabled}
          value={row.type ?? any}
          options={[any, ...types].map((each) => ({ value: each, label: each }))}
          onChange={(next) => {
            const { type: _, ...rest } = row;
            onChange(next === any ? rest : { ...rest, type: next as MapType });
          }}
        />
        <Input
          aria-label={t("Default, mapping {number}", { number })}
          placeholder={t("No default")}
          className="h-7 w-28 shrink-0 font-mono text-xs"
          value={standard}
          onChange={(event) => {
            const { default: _, ...rest } = row;
            onChange(event.target.value === "" ? rest : { ...rest, default: parsed(event.target.value) });
          }}
        />
        {result && !result.problem && (
          <span className="flex min-w-0 flex-1 text-xs" data-preview>
            <Value value={result.value} />
          </span>
        )}
      </div>
      {result?.problem && (
        <p
          className={cn(
            "flex gap-1 text-xs",
            result.severity === "error" ? "text-st-failed" : "text-st-waiting",
          )}
        >
          <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
          <span className="min-w-0 break-words">{result.problem}</span>
        </p>
      )}
    </li>
  );
}

/** JSON where it reads as such, else the text itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
