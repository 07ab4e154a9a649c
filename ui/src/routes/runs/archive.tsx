import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { toastProblem } from "@/api/problem";
import {
  type ArchiveAct,
  archivePreviewQuery,
  type RunFilter,
  useArchiveRuns,
  type WhichRuns,
} from "@/api/queries";
import type { RunItem } from "@/api/types";
import { t } from "@/lib/text";
import { count } from "@/lib/time";
import { toast } from "@/lib/toast";
import { Button, Dialog, Loaded, Segmented } from "@/ui";

const MOST = 1000; // ids in one call

/** One run into the archive or out of it, at once: the message says how to take it back. */
export function useArchiveOne() {
  const { mutate } = useArchiveRuns();
  return (run: RunItem) => {
    const act: ArchiveAct = run.archivedDate ? "unarchive" : "archive";
    const which = { ids: [run.id] };
    mutate(
      { act, which },
      {
        onSuccess: () =>
          said(t("Run #{number} {done}", { number: run.number, done: DONE[act] }), () =>
            mutate({ act: OTHER[act], which }),
          ),
        onError: (error) => toastProblem(error, t("The run was not moved")),
      },
    );
  };
}

type Props = {
  runs: readonly RunItem[];
  filter: RunFilter;
  /** Out of the archive. */
  back: boolean;
  onClose: (done: boolean) => void;
};

/** What would happen to the selected runs, or to all that match, as the server counts it; then how far it has come. */
export function ArchiveDialog({ runs, filter, back, onClose }: Props) {
  const act: ArchiveAct = back ? "unarchive" : "archive";
  const [all, setAll] = useState(runs.length > MOST);
  // What begins while the dialog is open was not counted, and is not meant.
  const [now] = useState(() => new Date().toISOString());
  const which: WhichRuns = all
    ? { filter: { ...filter, until: filter.until ?? now } }
    : { ids: runs.map((run) => run.id) };
  const preview = useQuery(archivePreviewQuery(act, which));
  const move = useArchiveRuns();
  const [moved, setMoved] = useState<number | null>(null);
  const left = preview.data?.left;
  const words = back ? t("Unarchive") : t("Archive");
  const go = () => {
    setMoved(0);
    move.mutate(
      { act, which, onMoved: setMoved },
      {
        onSuccess: (sum) => {
          const undo = () => move.mutate({ act: OTHER[act], which });
          said(
            `${t("{sum, plural, one {# run} other {# runs}}", { sum })} ${DONE[act]}`,
            all ? undefined : undo,
          );
          onClose(true);
        },
        onError: (error) => {
          toastProblem(error, t("Not all runs were moved"));
          setMoved(null);
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !move.isPending && onClose(false)}
      title={
        left === undefined
          ? t("{words} runs", { words })
          : `${words} ${t("{left, plural, one {# run} other {# runs}}", { left })}`
      }
      footer={
        <Button
          variant="primary"
          pending={move.isPending}
          disabled={!left || preview.isFetching}
          onClick={go}
        >
          {moved === null
            ? `${words} ${t("{left, plural, one {# run} other {# runs}}", { left: left ?? 0 })}`
            : t("{moved} of {left} …", { moved: count(moved), left: count(left ?? 0) })}
        </Button>
      }
    >
      <div className="flex flex-col gap-4 text-sm">
        {runs.length <= MOST && (
          <Segmented
            label={t("Which runs")}
            value={all ? "all" : "selected"}
            onChange={(next) => setAll(next === "all")}
            options={[
              { value: "selected", label: t("The {runs} selected", { runs: count(runs.length) }) },
              { value: "all", label: t("All that match the filter") },
            ]}
          />
        )}
        <p>
          {back
            ? t("They are in the lists and counts again.")
            : t(
                "They leave the lists, the counts and the groups, and stand in the view “Archived”. They keep everything, open by their links, can be taken out again, and are purged when their time comes, like any other.",
              )}
        </p>
        <Loaded query={preview} title={t("What would happen cannot be told")}>
          {({ underWay, deadLetters }) => (
            <ul aria-label={t("Effects")} className="flex flex-col gap-1 text-muted empty:hidden">
              {underWay > 0 && (
                <li>
                  {t("{underWay, plural, one {# run} other {# runs}} left out: still under way.", {
                    underWay,
                  })}
                </li>
              )}
              {!back && deadLetters > 0 && (
                <li>
                  {t(
                    "Dead letters stay open, and in their own list: {deadLetters, plural, one {# open dead letter} other {# open dead letters}}.",
                    { deadLetters },
                  )}
                </li>
              )}
            </ul>
          )}
        </Loaded>
      </div>
    </Dialog>
  );
}

const DONE = { archive: t("archived"), unarchive: t("taken out of the archive") } as const;
const OTHER = { archive: "unarchive", unarchive: "archive" } as const;

function said(text: string, undo?: () => void): void {
  toast.success(text, undo && { action: { label: t("Undo"), onClick: undo } });
}
