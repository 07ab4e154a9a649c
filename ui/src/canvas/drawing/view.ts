import { createContext, useContext } from "react";

/** What a drag from the palette carries: the type of a kind. */
export const DRAGGED = "application/x-baton-kind";
/** How a drawing is shown as a whole: never larger than life, never too small to be read, with room for the bars below. */
export const FIT = {
  maxZoom: 1,
  minZoom: 0.4,
  padding: { top: "40px", right: "32px", bottom: "72px", left: "32px" },
} as const;
/** Cards are drawn one by one as they come into view in a drawing of this size. */
export const MANY = 150;

/** How much of a card can be read: all, its name, its colour. */
export type Detail = "all" | "name" | "colour";
export function detailAt(zoom: number): Detail {
  return zoom < 0.25 ? "colour" : zoom < 0.5 ? "name" : "all";
}

const Context = createContext<Detail>("all");
export const DetailProvider = Context.Provider;

export function useDetail(): Detail {
  return useContext(Context);
}
