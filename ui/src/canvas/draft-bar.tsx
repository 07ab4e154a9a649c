import { FilePen } from "lucide-react";
import { rich, t } from "@/lib/text";
import { Button, Timestamp } from "@/ui";
import type { Draft } from "./use-draft";

type Props = { draft: Draft; current: number; onRestore: () => void; onDiscard: () => void };

/** What was drawn here earlier and never saved. */
export function DraftBar({ draft, current, onRestore, onDiscard }: Props) {
  return (
    <section
      aria-label={t("Unsaved changes")}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-sunken px-3 py-1.5 text-sm"
    >
      <FilePen aria-hidden className="size-4 text-st-warning" />
      <span>{rich("Unsaved changes from {when}", { when: <Timestamp at={draft.at} /> })}</span>
      {draft.revision !== current && (
        <span className="text-muted text-xs">
          {t("Drawn over revision {revision}; the newest is {current}.", {
            revision: draft.revision,
            current,
          })}
        </span>
      )}
      <span className="flex-1" />
      <Button size="sm" variant="primary" onClick={onRestore}>
        {t("Restore")}
      </Button>
      <Button size="sm" onClick={onDiscard}>
        {t("Discard")}
      </Button>
    </section>
  );
}
