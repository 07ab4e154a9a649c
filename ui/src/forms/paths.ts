import type { JsonObject } from "@/api/types";
import { t } from "@/lib/text";
import { joined } from "@/ui";
import type { Schema } from "./types";

/** Stands in sample data for a value of which only the type is known, from a platform's schema. */
export class TypeHint {
  constructor(readonly type: string) {}
}

export type Suggestion = { label: string; detail: string; insert: string; from: number };

const CHAIN = /[A-Za-z_][\w.]*(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\][\w.]*)*$/;
const STEP = /([A-Za-z_]\w*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g;
const WORD = /^[A-Za-z_]\w*$/;

export function isTemplate(text: string): boolean {
  return text.includes("{{") || text.includes("{%");
}

/** `{{ data.total }}` and nothing else: its path. */
export function singlePath(text: string): string | null {
  const inner = /^\s*\{\{\s*([^{}]+?)\s*\}\}\s*$/.exec(text)?.[1];
  const whole = inner ? CHAIN.exec(inner) : null;
  return inner && whole?.[0] === inner && !inner.endsWith(".") ? inner : null;
}

/** Whether `at` is between the braces of an expression. */
export function insideExpression(text: string, at: number): boolean {
  const before = text.slice(0, at);
  const opened = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
  return opened >= 0 && Math.max(before.lastIndexOf("}}"), before.lastIndexOf("%}")) < opened;
}

export function stepsOf(path: string): string[] {
  return [...path.matchAll(STEP)].map(([, name, index, quoted]) => name ?? index ?? (quoted as string));
}

/** What is at a path of sample data; undefined where there is nothing. */
export function readPath(value: unknown, path: string): unknown {
  let here = value;
  for (const key of stepsOf(path)) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

/** A value in one short line. */
export function glimpse(value: unknown, size = 40): string {
  if (value instanceof TypeHint) return value.type;
  if (Array.isArray(value))
    return t("{value, plural, one {# item} other {# items}}", { value: value.length });
  if (typeof value === "object" && value !== null) {
    return t("{value, plural, one {# field} other {# fields}}", { value: Object.keys(value).length });
  }
  const text = JSON.stringify(value) ?? "";
  return text.length > size ? `${text.slice(0, size - 1)}…` : text;
}

/** What may follow at `at`: names of the scope at the start of an expression, keys of the sample's data after a dot. */
export function suggestions(text: string, at: number, context: JsonObject, asked: boolean): Suggestion[] {
  if (!insideExpression(text, at)) return [];
  const before = text.slice(0, at);
  const chain = CHAIN.exec(before)?.[0] ?? "";
  const dot = chain.lastIndexOf(".");
  if (!chain.includes(".")) {
    if (chain === "" && !asked && !/\{\{\s*$/.test(before)) return [];
    if (chain.endsWith("]")) return [];
    return Object.entries(context).map(([key, value]) => ({
      label: key,
      detail: glimpse(value),
      insert: key,
      from: at - chain.length,
    }));
  }
  const parent = readPath(context, chain.slice(0, dot));
  if (typeof parent !== "object" || parent === null || parent instanceof TypeHint) return [];
  const from = at - (chain.length - dot - 1);
  const list = Array.isArray(parent);
  return Object.entries(parent)
    .slice(0, 200)
    .map(([key, value]) => {
      const plain = !list && WORD.test(key);
      return {
        label: list ? `[${key}]` : key,
        detail: glimpse(value),
        insert: plain ? key : list ? `[${key}]` : `[${JSON.stringify(key)}]`,
        from: plain ? from : from - 1,
      };
    });
}

/** Every path of sample data with what is there, nearest first; the fields of a list's items as `rows[*].id`. */
export function everyPath(context: JsonObject, limit = 400): { path: string; value: unknown }[] {
  const found: { path: string; value: unknown }[] = [];
  const queue: { path: string; value: unknown; depth: number }[] = Object.entries(context).map(
    ([key, value]) => ({ path: joined("", key, false), value, depth: 0 }),
  );
  while (queue.length > 0 && found.length < limit) {
    const next = queue.shift();
    if (!next) break;
    found.push({ path: next.path, value: next.value });
    if (next.depth > 7 || typeof next.value !== "object" || next.value === null) continue;
    if (next.value instanceof TypeHint) continue;
    if (Array.isArray(next.value)) {
      const first: unknown = next.value[0];
      if (typeof first === "object" && first !== null && !Array.isArray(first))
        for (const [key, value] of Object.entries(first))
          queue.push({ path: joined(`${next.path}[*]`, key, false), value, depth: next.depth + 2 });
      continue;
    }
    for (const [key, value] of Object.entries(next.value))
      queue.push({ path: joined(next.path, key, false), value, depth: next.depth + 1 });
  }
  return found;
}

/** An object of the form that a schema describes, its values replaced by their types. */
export function skeleton(schema: Schema, depth = 0): unknown {
  if (schema.properties && depth < 8) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, inner]) => [name, skeleton(inner, depth + 1)]),
    );
  }
  if (schema.items && depth < 8) return [skeleton(schema.items, depth + 1)];
  const type = Array.isArray(schema.type)
    ? schema.type.filter((each) => each !== "null").join("/")
    : schema.type;
  return new TypeHint(type ?? "any");
}
