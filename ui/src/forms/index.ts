export * from "./context";
export { registerWidget, widgetFor, widgetName } from "./registry";
export { COMMON_FIELDS, initial, sparse, titleOf, unwrapped, validate } from "./schema";
export { Fields, SchemaForm, useFieldError } from "./schema-form";
export type * from "./types";
