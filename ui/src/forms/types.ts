import type { ComponentType } from "react";
import type { JsonObject } from "@/api/types";

/** The part of JSON Schema that pydantic writes and our forms read. */
export type Schema = {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  writeOnly?: boolean;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  anyOf?: Schema[];
  /** On which tab of a node's panel it is shown; without, on the first. */
  "x-tab"?: string;
  "x-widget"?: string;
  "x-options"?: { parent?: string; language?: "json" | "jinja" | "text"; [key: string]: unknown };
};

export type WidgetProps<T = unknown> = {
  /** JSON Pointer into the whole value: "/bodyTemplate", "/rules/0/left". */
  path: string;
  name: string;
  /** With `anyOf: [X, null]` already taken apart: `nullable` says so. */
  schema: Schema;
  nullable: boolean;
  required?: boolean;
  value: T;
  /** `undefined` takes the field out, so that its default holds again. */
  // A method, so that widgets of any value type fit one registry. `what` names an undo step of its own.
  onChange(value: T | undefined, what?: string): void;
  /** The object that this field is in, for fields that depend on others. */
  parent: JsonObject;
  disabled: boolean;
};

export type Widget = {
  /** The control alone: label, hint and error are drawn around it. */
  component: ComponentType<WidgetProps<never>>;
  /** Draws label, hint and error itself (groups, switches). */
  bare?: boolean;
  /** After the field named by `x-options.parent` has changed: may this value stay? Left out: it may not. */
  fits?: (value: unknown, parent: JsonObject) => boolean;
};

/** Errors by JSON Pointer. */
export type FormErrors = Readonly<Record<string, string>>;
