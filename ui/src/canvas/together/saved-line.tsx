import { Save } from "lucide-react";
import type { Newest } from "@/api/types";
import { t } from "@/lib/text";
import { Button, Timestamp } from "@/ui";
import { dirty, useFlow } from "../store";
import type { Saving } from "../use-save";

/** A revision that was saved elsewhere while the drawing was open here. Nothing is loaded before that is asked for. */
export function SavedLine({ newest, saving }: { newest: Newest; saving: Saving }) {
  const changed = useFlow(dirty);
  if (saving.pending) return null; // it may be this one
  return (
    <section
      aria-label={t("Saved elsewhere")}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-sunken px-3 py-1.5 text-sm"
    >
      <Save aria-hidden className="size-4 text-st-running" />
      <span role="status">
        {t("{createdBy} saved revision {revision}", {
          createdBy: newest.createdBy,
          revision: newest.revision,
        })}
      </span>
      <span className="text-muted text-xs">
        <Timestamp at={newest.createdDate} />
        {changed && t(". You have changes of your own.")}
      </span>
      <span className="flex-1" />
      {changed ? (
        <Button size="sm" onClick={saving.ask}>
          {t("Choose what to keep")}
        </Button>
      ) : (
        <Button size="sm" onClick={() => void saving.reload()}>
          {t("Load it")}
        </Button>
      )}
    </section>
  );
}
