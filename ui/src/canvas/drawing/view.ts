import { createContext, useContext } from "react";

/** What a drag from the palette carries: the type of a kind. */
export const DRAGGED = "application/x-baton-kind";
/** Pixels around a drawing that is shown as a whole; below it are the bars. */
export const ROOM = { top: 40, side: 32, bottom: 72 } as const;
/** How a drawing is shown as a whole: never larger than life, never too small to be read. */
export const FIT = {
  maxZoom: 1,
  minZoom: 0.4,
  padding: {
    top: `${ROOM.top}px`,
    right: `${ROOM.side}px`,
    bottom: `${ROOM.bottom}px`,
    left: `${ROOM.side}px`,
  },
} as const;
/** A drawing does not open smaller than this: everything on a card can be read. */
export const READABLE = 0.75;
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
