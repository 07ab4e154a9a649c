import { History, type LucideIcon, Minus, Move, Pencil, Plus } from "lucide-react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { useSurroundings } from "../surroundings";

type Look = { icon: LucideIcon; word: string; text: string; ring: string };

/** Sign, word and colour of a change. */
export const MARKS: Record<"added" | "removed" | "changed" | "moved" | "since", Look> = {
  added: { icon: Plus, word: t("Added"), text: "text-st-done", ring: "border-st-done" },
  removed: {
    icon: Minus,
    word: t("Removed"),
    text: "text-st-failed",
    ring: "border-st-failed border-dashed",
  },
  changed: { icon: Pencil, word: t("Changed"), text: "text-st-warning", ring: "border-st-warning" },
  moved: { icon: Move, word: t("Moved"), text: "text-st-skipped", ring: "border-st-skipped" },
  since: { icon: History, word: t("Changed since"), text: "text-st-warning", ring: "border-transparent" },
};

/** A frame and a word on a card that differs from what it is compared with. */
export function NodeMark({ id }: { id: string }) {
  const found = useSurroundings().marks.get(id);
  if (!found) return null;
  const { icon: Icon, text, ring } = MARKS[found.mark];
  return (
    <span
      data-mark={found.mark}
      className={cn("-inset-px pointer-events-none absolute rounded-lg border-2", ring)}
    >
      <span
        className={cn(
          "-top-3 absolute left-2 flex items-center gap-1 whitespace-nowrap rounded-full border border-line bg-surface px-1.5 text-2xs leading-4",
          text,
        )}
      >
        <Icon aria-hidden className="size-3" />
        {found.text}
      </span>
    </span>
  );
}
