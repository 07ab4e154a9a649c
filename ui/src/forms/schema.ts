import { type Schema as CfSchema, Validator } from "@cfworker/json-schema";
import type { JsonObject } from "@/api/types";
import { t } from "@/lib/text";
import type { FormErrors, Schema } from "./types";

/** The fields by the tab that the schema puts them on, those without one under "". */
export function tabsOf(schema: Schema): Map<string, string[]> {
  const found = new Map<string, string[]>([["", []]]);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const tab = field["x-tab"] ?? "";
    found.set(tab, [...(found.get(tab) ?? []), name]);
  }
  return found;
}

/** `anyOf: [X, null]`, pydantic's "X or nothing", as X and a flag. */
export function unwrapped(schema: Schema): { schema: Schema; nullable: boolean } {
  const options = schema.anyOf;
  if (!options) return { schema, nullable: false };
  const rest = options.filter((option) => option.type !== "null");
  const only = rest.length === 1 ? rest[0] : undefined;
  if (!only) return { schema, nullable: rest.length < options.length };
  const { anyOf: _, ...outer } = schema;
  return { schema: { ...only, ...outer }, nullable: rest.length < options.length };
}

/** A value for a field that has none: its default, else the emptiest that its type allows. */
export function initial(schema: Schema): unknown {
  if (schema.default !== undefined) return schema.default;
  const { schema: inner, nullable } = unwrapped(schema);
  if (nullable) return null;
  if (inner.enum) return inner.enum[0];
  switch (inner.type) {
    case "object":
      return Object.fromEntries(
        (inner.required ?? []).map((name) => [name, initial(inner.properties?.[name] ?? {})]),
      );
    case "array":
      return [];
    case "boolean":
      return false;
    case "integer":
    case "number":
      return inner.minimum ?? 0;
    default:
      return "";
  }
}

/** The value as it is without what is equal to its default: what a drawing stores. */
export function sparse(schema: Schema, value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter(([name, item]) => {
      const standard = schema.properties?.[name]?.default;
      return (
        item !== undefined && (standard === undefined || JSON.stringify(standard) !== JSON.stringify(item))
      );
    }),
  );
}

/** The title of a field, or its name in words. */
export function titleOf(name: string, schema: Schema): string {
  if (schema.title) return schema.title;
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What the schema itself has against the value, by JSON Pointer, in words. The server's own checks know more. */
export function validate(schema: Schema, value: unknown): FormErrors {
  const found: Record<string, string> = {};
  const { errors } = new Validator(schema as CfSchema, "2020-12", false).validate(value);
  for (const error of errors) {
    if (["properties", "items", "anyOf", "additionalProperties", "prefixItems"].includes(error.keyword))
      continue;
    if (error.keyword === "required") {
      const name = /property "([^"]+)"/.exec(error.error)?.[1];
      const at = `${error.instanceLocation.slice(1)}/${name ?? ""}`;
      found[at] ??= t("This is needed.");
      continue;
    }
    if (error.keyword === "type" && error.error.includes('"null"')) continue;
    found[error.instanceLocation.slice(1)] ??= worded(error.keyword, error.error);
  }
  return found;
}

function worded(keyword: string, text: string): string {
  const bound = /(-?[\d.]+)\.?$/.exec(text)?.[1]?.replace(/\.$/, "");
  switch (keyword) {
    case "minLength":
      return t("This is needed.");
    case "minimum":
      return t("Too small.");
    case "maximum":
      return t("Too large.");
    case "maxLength":
      return bound ? t("At most {bound} characters.", { bound }) : t("Too long.");
    case "enum":
      return t("Choose one of the values.");
    case "type":
      return t("Not a value of the right kind.");
    default:
      return text;
  }
}
