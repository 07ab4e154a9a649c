import type { JsonObject } from "@/api/types";
import { joined } from "@/ui";
import { everyPath } from "./paths";
import type { Schema } from "./types";

export type MapType = "string" | "number" | "integer" | "boolean" | "object" | "array" | "json" | "date";
/** A row of a DataMapper as it is stored. Without `default` the key is left out: null is a default too. */
export type MapRow = { from?: string; to?: string; type?: MapType | null; default?: unknown };
/** A field that the next step takes. */
export type MapTarget = { path: string; type: string | null; required: boolean };

/** The fields that a schema of inputs asks for, nested ones by their paths. */
export function targetsOf(schema: Schema | null | undefined, base = "", depth = 0): MapTarget[] {
  if (!schema?.properties || depth > 5) return [];
  return Object.entries(schema.properties).flatMap(([name, inner]) => {
    const path = joined(base, name, false);
    const deeper = targetsOf(inner, path, depth + 1);
    const type = typeof inner.type === "string" ? inner.type : null;
    return deeper.length > 0 ? deeper : [{ path, type, required: schema.required?.includes(name) ?? false }];
  });
}

export function targetOf(row: MapRow): string {
  return (row.to ?? "").trim().replace(/^output\./, "");
}

/** Targets that no row writes to, nor to anything around or inside them. */
export function unmapped(rows: readonly MapRow[], targets: readonly MapTarget[]): MapTarget[] {
  const written = rows.map(targetOf).filter(Boolean);
  return targets.filter(
    ({ path }) => !written.some((to) => to === path || within(path, to) || within(to, path)),
  );
}

function within(inner: string, outer: string): boolean {
  return inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
}

/** The last name of a path: what a new row writes to. */
export function nameOf(path: string): string {
  const names = path.replace(/\[(?:\*|-?\d+)\]/g, "").match(/[^.[\]"']+/g);
  return names?.at(-1) ?? "";
}

/** A new row for a field that was dropped or picked; a path into every item gives a list. */
export function rowFor(path: string, to = nameOf(path)): MapRow {
  return { from: path, to };
}

/**
 * Rows with what can be told by the name alone: fields of the next step that nothing writes to yet, and rows without a source.
 * Where nothing asks for anything, every field of the data under its own name. The same rows, if nothing was found.
 */
export function mappedByName(
  rows: readonly MapRow[],
  targets: readonly MapTarget[],
  context: JsonObject,
): readonly MapRow[] {
  const sources = everyPath(context).filter(
    ({ path }) => path.startsWith("data") || path.startsWith("input"),
  );
  const find = (to: string) => {
    const wanted = plain(nameOf(to));
    return wanted && sources.find(({ path }) => path.includes(".") && plain(nameOf(path)) === wanted)?.path;
  };
  let changed = false;
  const filled = rows.map((row) => {
    if (row.from?.trim() || !targetOf(row)) return row;
    const from = find(targetOf(row));
    if (!from) return row;
    changed = true;
    return { ...row, from };
  });
  const open = unmapped(filled, targets);
  const added = open.flatMap((target) => {
    const from = find(target.path);
    return from ? [{ from, to: target.path }] : [];
  });
  if (targets.length === 0 && rows.length === 0) {
    for (const { path } of sources)
      if (/^data\.[^.[\]]+$/.test(path)) added.push({ from: path, to: nameOf(path) });
  }
  return changed || added.length > 0 ? [...filled, ...added] : rows;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
