import { useStore, ViewportPortal } from "@xyflow/react";
import { MessageSquare } from "lucide-react";
import { t } from "@/lib/text";
import { useSurroundings } from "../surroundings";
import { useDiscussed } from "./news";

/** Open threads on places of the canvas. Of one size, however near one looks. */
export function Pins() {
  const { id, onComments } = useSurroundings();
  const discussed = useDiscussed(id);
  const zoom = useStore((state) => state.transform[2]);
  if (!discussed?.pins.length || !onComments) return null;
  return (
    <ViewportPortal>
      {discussed.pins.map(({ threadId, x, y }) => (
        <button
          key={threadId}
          type="button"
          tabIndex={-1}
          data-pin={threadId}
          aria-label={t("Comment on this place")}
          title={t("Comment on this place")}
          onClick={(event) => {
            event.stopPropagation();
            onComments({ thread: threadId });
          }}
          style={{ transform: `translate(${x}px, ${y}px) scale(${1 / zoom}) translate(0, -100%)` }}
          className="nopan pointer-events-auto absolute top-0 left-0 z-20 grid size-7 origin-top-left place-items-center rounded-full rounded-bl-none border bg-surface text-accent-text shadow-card hover:bg-sunken"
        >
          <MessageSquare aria-hidden className="size-3.5" />
        </button>
      ))}
    </ViewportPortal>
  );
}
