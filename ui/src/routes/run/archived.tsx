import { Archive } from "lucide-react";
import { toastProblem } from "@/api/problem";
import { useArchiveRuns, useMay } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Button, Timestamp } from "@/ui";

/** That no list has this run, and the way back. */
export function ArchivedLine({ run }: { run: RunDetail }) {
  const may = useMay("operator");
  const move = useArchiveRuns();
  if (!run.archivedDate) return null;
  return (
    <section
      aria-label={t("Archived")}
      className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-md border bg-sunken px-3 py-1.5 text-sm"
    >
      <Archive aria-hidden className="size-4 shrink-0 text-muted" />
      <p className="min-w-0 flex-1">
        {rich("Archived {when}: lists and counts leave this run out. It keeps everything.", {
          when: <Timestamp at={run.archivedDate} />,
        })}
      </p>
      {may && (
        <Button
          size="sm"
          pending={move.isPending}
          onClick={() =>
            move.mutate(
              { act: "unarchive", which: { ids: [run.id] } },
              { onError: (error) => toastProblem(error, t("The run is still archived")) },
            )
          }
        >
          {t("Unarchive")}
        </Button>
      )}
    </section>
  );
}
