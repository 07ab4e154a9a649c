import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { runQuery } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { type Place, Revealable } from "@/redaction";
import {
  Button,
  CopyButton,
  JsonView,
  Loaded,
  Masked,
  MaskedJson,
  MaskedText,
  markOf,
  Segmented,
  Select,
} from "@/ui";
import { Changes } from "./changes";

type As = "tree" | "table" | "json" | "diff";
const WAYS = { tree: t("Tree"), table: t("Table"), json: t("JSON"), diff: t("Changes") } as const;
const LARGE = 1_000_000;

/** What a value can be held against: in which run, and where in it that stands. */
export type Other = {
  runId: string;
  name: string;
  of: (run: RunDetail) => unknown;
  /** What this side is called; without it, this run. */
  mine?: string;
};

type Props = {
  label: string;
  value: unknown;
  /** What templates call it: paths that are copied begin with it. */
  root?: string;
  /** What it can be held against, the likeliest first. */
  others?: readonly Other[];
  /** Where it stands, for what of it is masked. */
  place: Place;
};

/** A value as tree, table or text, or where it differs from another. A large one is drawn when it is asked for. */
export function ValueView({ place, ...rest }: Props) {
  return (
    <Revealable place={place}>
      <Views {...rest} />
    </Revealable>
  );
}

function Views({ label, value, root, others = [] }: Omit<Props, "place">) {
  const [kept, setKept] = usePersistent<As>("run:value", "tree");
  const [differing, setDiffering] = useState(false);
  const [chosenOther, setOther] = useState<string | null>(null);
  const [asked, setAsked] = useState<unknown>();
  const size = useMemo(() => sizeOf(value), [value]);
  const waits = size > LARGE && asked !== value;
  const rows = waits ? null : rowsOf(value);
  const other = others.find((each) => each.name === chosenOther) ?? others[0] ?? null;
  const possible: As[] = [
    "tree",
    ...(rows ? (["table"] as const) : []),
    "json",
    ...(other ? (["diff"] as const) : []),
  ];
  const chosen = differing ? "diff" : kept;
  const as = possible.includes(chosen) ? chosen : "tree";
  const choose = (next: As) => {
    setDiffering(next === "diff");
    if (next !== "diff") setKept(next);
  };
  const empty = value === null || value === undefined;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      {(!empty || other) && (
        <div className="flex shrink-0 flex-wrap items-center gap-2 px-4 pt-2">
          <Segmented
            label={t("{label} as", { label })}
            value={as}
            onChange={choose}
            options={possible.map((each) => ({ value: each, label: WAYS[each] }))}
          />
          {as === "diff" && other && others.length > 1 && (
            <Select
              label={t("Compare with")}
              className="w-52"
              value={other.name}
              onChange={setOther}
              options={others.map((each) => ({ value: each.name, label: capital(each.name) }))}
            />
          )}
          {!empty && <span className="text-muted text-xs">{sized(size)}</span>}
          <CopyButton
            text={() => JSON.stringify(value, null, 2)}
            label={t("Copy {label}", { label: label.toLowerCase() })}
            className="ml-auto"
          />
        </div>
      )}
      <div className="min-h-0 flex-1 overflow-auto">
        {as === "diff" && other ? (
          <Differences label={label} value={value} other={other} />
        ) : empty ? (
          <p className="p-4 text-muted text-sm">{t("Nothing.")}</p>
        ) : waits ? (
          <p className="flex flex-wrap items-center gap-3 p-4 text-muted text-sm">
            {t("It is large: to draw it takes a moment.")}
            <Button size="sm" onClick={() => setAsked(value)}>
              {t("Show {sized}", { sized: sized(size) })}
            </Button>
          </p>
        ) : as === "table" && rows ? (
          <Rows rows={rows} label={label} />
        ) : as === "json" ? (
          <pre className="whitespace-pre-wrap break-words p-4 font-mono text-xs leading-5">
            <MaskedJson text={textOf(value)} />
          </pre>
        ) : (
          <JsonView value={value} root={root} className="p-4" />
        )}
      </div>
    </div>
  );
}

function Differences({ label, value, other }: { label: string; value: unknown; other: Other }) {
  const query = useQuery(runQuery(other.runId));
  return (
    <Loaded query={query} compact title={t("The other run cannot be shown")}>
      {(run) => (
        <Changes
          label={label}
          before={other.of(run)}
          after={value}
          names={[capital(other.name), other.mine ?? t("This run")]}
        />
      )}
    </Loaded>
  );
}

function Rows({ rows, label }: { rows: Record<string, unknown>[]; label: string }) {
  const columns = [...new Set(rows.slice(0, 200).flatMap((row) => Object.keys(row)))].slice(0, 30);
  return (
    <table className="w-full text-left text-xs">
      <caption className="sr-only">{label}</caption>
      <thead className="text-muted">
        <tr className="h-8 border-b">
          {columns.map((each) => (
            <th key={each} className="px-4 font-normal">
              {each}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="divide-y font-mono">
        {rows.slice(0, 200).map((row, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the rows of a recorded value never move
          <tr key={index}>
            {columns.map((each) => (
              <td key={each} className="max-w-80 truncate px-4 py-1">
                <Cell value={row[each]} />
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A list of objects, or one object as its single row of fields and values. */
function rowsOf(value: unknown): Record<string, unknown>[] | null {
  const isObject = (each: unknown): each is Record<string, unknown> =>
    typeof each === "object" && each !== null && !Array.isArray(each);
  if (Array.isArray(value)) return value.length > 0 && value.every(isObject) ? value : null;
  if (!isObject(value)) return null;
  return Object.entries(value).map(([field, inside]) => ({ field, value: inside }));
}

/** Which place a cell has in the whole is not told: what is masked in it is revealed as a whole. */
function Cell({ value }: { value: unknown }) {
  const mark = markOf(value);
  if (mark) return <Masked mark={mark} path="" />;
  if (value === undefined) return null;
  return typeof value === "string" ? (
    <MaskedText text={value} path="" />
  ) : (
    <MaskedJson text={JSON.stringify(value)} />
  );
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return text.length > LARGE
    ? t("{text}\n… {text2} more characters", { text: text.slice(0, LARGE), text2: text.length - LARGE })
    : text;
}

/** Bytes of its JSON. */
function sizeOf(value: unknown): number {
  return value === undefined ? 0 : new TextEncoder().encode(JSON.stringify(value)).length;
}

function sized(size: number): string {
  if (size < 1000) return `${size} B`;
  return size < 1_000_000
    ? t("{size} kB", { size: Math.round(size / 100) / 10 })
    : t("{size} MB", { size: Math.round(size / 100_000) / 10 });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
