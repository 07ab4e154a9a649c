import type { Schema, Widget } from "./types";

const widgets = new Map<string, Widget>();

/** Make a widget known under the name that `x-widget` says in the schema, or replace one. Built-in names that follow from the
 * type alone: string, password, number, boolean, enum, array, strings, object, json. */
export function registerWidget(name: string, widget: Widget): void {
  widgets.set(name, widget);
}

/** The widget for a schema: by its hint, else by its type. */
export function widgetFor(schema: Schema): Widget {
  const name = widgetName(schema);
  const found = widgets.get(name) ?? widgets.get("json");
  if (!found) throw new Error(`no widget called ${name}`);
  return found;
}

export function widgetName(schema: Schema): string {
  const hint = schema["x-widget"];
  if (hint && widgets.has(hint)) return hint;
  if (schema.enum) return "enum";
  if (schema.format === "password" || schema.writeOnly) return "password";
  switch (schema.type) {
    case "string":
      return "string";
    case "integer":
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return schema.items?.type === "object" ? "array" : schema.items?.type === "string" ? "strings" : "json";
    case "object":
      return schema.properties ? "object" : "json";
    default:
      return "json";
  }
}
