export * from "./context";
export * from "./mapping";
export * from "./paths";
export { useSettled, Value } from "./preview";
export { registerWidget, widgetFor, widgetName } from "./registry";
export { initial, sparse, tabsOf, titleOf, unwrapped, validate } from "./schema";
export { Fields, SchemaForm, useFieldError } from "./schema-form";
export type * from "./types";
