import type { CompletionSource } from "@codemirror/autocomplete";
import { createContext, useContext } from "react";
import type { JsonObject } from "@/api/types";

/** What a form's surroundings know and its widgets need. */
export type FormSurroundings = {
  /** Completions of expressions: from the last run's data, or from schemas. The canvas gives them. */
  complete?: CompletionSource;
  /** The value of an expression on sample data, or why there is none; drawn under the field. */
  preview?: (template: string) => Promise<{ value: unknown } | { error: string } | null>;
  /** Sample data that fields can be picked from: "data", "input", "nodes". */
  sample?: JsonObject;
  /** Paths that a mapping may start from, for lists to choose from. */
  sources?: readonly string[];
};

const Context = createContext<FormSurroundings>({});

export const FormSurroundingsProvider = Context.Provider;

export function useFormSurroundings(): FormSurroundings {
  return useContext(Context);
}
