import { createContext, type DragEvent, useContext, useEffect, useId, useRef, useState } from "react";
import type { JsonObject } from "@/api/types";
import type { MapTarget } from "./mapping";

/** Data to try expressions on. `key` names it; `whole`: no step before this one lacks an output. */
export type FormSample = { context: JsonObject; key: string; whole: boolean };

type Insert = (path: string, at?: { x: number; y: number }) => void;
type Place = { label: string; insert: Insert };

/** The fields of an open form that a path of the data can be put into, for a menu beside the data. */
export class InsertPlaces {
  #places = new Map<string, { current: Place }>();

  register(id: string, place: { current: Place }): () => void {
    this.#places.set(id, place);
    return () => this.#places.delete(id);
  }

  /** In the order in which they came onto the screen. */
  list(): Place[] {
    return [...this.#places.values()].map((place) => place.current);
  }
}

/** What a form's surroundings know and its widgets need. */
export type FormSurroundings = {
  sample?: FormSample | null;
  /** The sample, with types where data is missing but a platform says what will come: for completion. */
  scope?: JsonObject;
  /** What the next step takes: what a mapping should give. */
  targets?: readonly MapTarget[];
  places?: InsertPlaces;
  /** The kinds of secret stores that a secret may be in, in the place of its text, and what `env` may name. */
  secretStores?: { kinds: readonly string[]; names: readonly string[] };
};

const NOTHING: FormSurroundings = {};
const Context = createContext<FormSurroundings>(NOTHING);

export const FormSurroundingsProvider = Context.Provider;

export function useFormSurroundings(): FormSurroundings {
  return useContext(Context);
}

const DRAGGED = "application/x-baton-path";

/** For what can be dragged into a field. Elsewhere it is dropped as an expression. */
export function dragPath(event: DragEvent, path: string): void {
  event.dataTransfer.setData(DRAGGED, path);
  event.dataTransfer.setData("text/plain", `{{ ${path} }}`);
  event.dataTransfer.effectAllowed = "copy";
}

/** Makes an element a place for paths: dropped there, or sent by the data's menu under `label`. */
export function useInsertPlace(label: string, insert: Insert, disabled = false) {
  const { places } = useFormSurroundings();
  const id = useId();
  const latest = useRef<Place>({ label, insert });
  latest.current = { label, insert };
  const [over, setOver] = useState(false);
  useEffect(() => (disabled ? undefined : places?.register(id, latest)), [places, id, disabled]);
  const carries = (event: DragEvent) => !disabled && event.dataTransfer.types.includes(DRAGGED);
  return {
    over,
    props: {
      onDragOver: (event: DragEvent) => {
        if (!carries(event)) return;
        event.preventDefault();
        event.stopPropagation();
        event.dataTransfer.dropEffect = "copy";
        setOver(true);
      },
      onDragLeave: () => setOver(false),
      onDropCapture: (event: DragEvent) => {
        if (!carries(event)) return;
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        latest.current.insert(event.dataTransfer.getData(DRAGGED), { x: event.clientX, y: event.clientY });
      },
    },
  };
}
