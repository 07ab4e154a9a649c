import { Link } from "@tanstack/react-router";
import {
  Archive,
  ArchiveRestore,
  Ban,
  CircleCheck,
  Columns2,
  OctagonX,
  RotateCw,
  Tag,
  X,
} from "lucide-react";
import { useState } from "react";
import { problemOf } from "@/api/problem";
import { ended, useCancelRun, useLabelRun, useRetryRun } from "@/api/queries";
import type { RunDetail, RunItem } from "@/api/types";
import { rich, t } from "@/lib/text";
import { count } from "@/lib/time";
import { toast } from "@/lib/toast";
import { Button, Dialog, Field, Input, Segmented } from "@/ui";
import { ExportSelected } from "./export";

export type Task = "rerun" | "cancel" | "label";

type BarProps = {
  runs: readonly RunItem[];
  may: boolean;
  /** The list shows what is archived. */
  archived: boolean;
  onTask: (task: Task | "archive") => void;
  onClear: () => void;
};

/** What can be done with the selected runs. */
export function BulkBar({ runs, may, archived, onTask, onClear }: BarProps) {
  const [first, second] = runs;
  const live = runs.filter((run) => !ended(run.status)).length;
  return (
    <div
      role="toolbar"
      aria-label={t("Selected runs")}
      className="flex flex-wrap items-center gap-1.5 border-b bg-accent-soft px-3 py-1.5"
    >
      <span className="mr-2 font-medium text-sm">
        {t("{runs, plural, one {# run} other {# runs}} selected", { runs: runs.length })}
      </span>
      {may && (
        <>
          <Button size="sm" icon={RotateCw} disabled={live === runs.length} onClick={() => onTask("rerun")}>
            {t("Re-run …")}
          </Button>
          <Button size="sm" icon={Ban} disabled={live === 0} onClick={() => onTask("cancel")}>
            {t("Cancel …")}
          </Button>
          <Button size="sm" icon={Tag} onClick={() => onTask("label")}>
            {t("Label …")}
          </Button>
          <Button
            size="sm"
            icon={archived ? ArchiveRestore : Archive}
            disabled={live === runs.length}
            onClick={() => onTask("archive")}
          >
            {archived ? t("Unarchive …") : t("Archive …")}
          </Button>
        </>
      )}
      {runs.length === 2 && first && second && (
        <Button size="sm" asChild>
          <Link to="/runs/$runId" params={{ runId: first.id }} search={{ compare: second.id }}>
            <Columns2 aria-hidden /> {t("Compare")}
          </Link>
        </Button>
      )}
      <ExportSelected runs={runs} />
      <span className="flex-1" />
      <Button size="sm" variant="ghost" icon={X} onClick={onClear}>
        {t("Clear selection")}
      </Button>
    </div>
  );
}

type Result = { run: RunItem; made?: RunDetail; problem?: string };
type DialogProps = { task: Task; runs: readonly RunItem[]; onClose: (done: boolean) => void };

const WORDS = {
  rerun: { title: t("Re-run"), action: t("Re-run"), done: t("started again") },
  cancel: { title: t("Cancel"), action: t("Cancel"), done: t("cancelled") },
  label: { title: t("Label"), action: t("Label"), done: t("labelled") },
} as const;

/** The count and the effects first; then every run by itself, and what became of each when some fail. */
export function BulkDialog({ task, runs, onClose }: DialogProps) {
  const [from, setFrom] = useState<"start" | "failed">("start");
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [results, setResults] = useState<Result[]>([]);
  const [busy, setBusy] = useState(false);
  const cancel = useCancelRun();
  const retry = useRetryRun();
  const label = useLabelRun();
  const words = WORDS[task];
  const fit = runs.filter((run) => fits(task, run, from));
  const left = runs.length - fit.length;
  const failed = results.filter((result) => result.problem !== undefined);
  const ready = task !== "label" || (key.trim() !== "" && !key.includes(":"));

  const one = async (run: RunItem): Promise<RunDetail> => {
    if (task === "cancel") return cancel.mutateAsync(run.id);
    if (task === "rerun") return retry.mutateAsync({ id: run.id, from, revision: "same" });
    const { [key.trim()]: _, ...rest } = run.labels;
    const labels = value.trim() ? { ...rest, [key.trim()]: value.trim() } : rest;
    return label.mutateAsync({ id: run.id, labels });
  };
  const go = async (targets: readonly RunItem[]) => {
    setBusy(true);
    const kept = results.filter((result) => result.problem === undefined);
    setResults(kept);
    let bad = 0;
    for (const run of targets) {
      const result = await one(run).then(
        (made): Result => ({ run, made }),
        (error: unknown): Result => ({ run, problem: spoken(error) }),
      );
      if (result.problem !== undefined) bad += 1;
      setResults((before) => [...before, result]);
    }
    setBusy(false);
    if (bad > 0) return;
    toast.success(
      `${t("{targets, plural, one {# run} other {# runs}}", { targets: targets.length })} ${words.done}`,
    );
    onClose(true);
  };

  const finished = results.length > 0 && !busy;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && !busy && onClose(finished)}
      title={`${words.title} ${t("{fit, plural, one {# run} other {# runs}}", { fit: fit.length })}`}
      footer={
        finished ? (
          <>
            <Button onClick={() => onClose(true)}>{t("Close")}</Button>
            <Button variant="primary" onClick={() => void go(failed.map((result) => result.run))}>
              {t("Try {failed, plural, one {# run} other {# runs}} again", { failed: failed.length })}
            </Button>
          </>
        ) : (
          <Button
            variant={task === "cancel" ? "danger" : "primary"}
            pending={busy}
            disabled={fit.length === 0 || !ready}
            onClick={() => void go(fit)}
          >
            {busy
              ? t("{results} of {fit} …", { results: count(results.length), fit: count(fit.length) })
              : `${words.action} ${t("{fit, plural, one {# run} other {# runs}}", { fit: fit.length })}`}
          </Button>
        )
      }
    >
      <div className="flex flex-col gap-4 text-sm">
        {!finished && task === "rerun" && (
          <>
            <Segmented
              label={t("Repeat from")}
              value={from}
              onChange={setFrom}
              options={[
                { value: "start", label: t("From the start") },
                { value: "failed", label: t("From the failed step") },
              ]}
            />
            <Calls runs={fit} from={from} />
          </>
        )}
        {!finished && task === "cancel" && (
          <p>
            {t(
              "No further step of these runs starts. What runs on a platform is stopped where the platform can do that; elsewhere it goes on by itself. This cannot be taken back.",
            )}
          </p>
        )}
        {!finished && task === "label" && (
          <div className="grid grid-cols-2 gap-3">
            <Field label={t("Label")} error={key.includes(":") ? t("Without a colon.") : undefined}>
              <Input value={key} maxLength={200} onChange={(event) => setKey(event.target.value)} />
            </Field>
            <Field label={t("Value")} hint={t("Empty takes the label away.")}>
              <Input value={value} maxLength={200} onChange={(event) => setValue(event.target.value)} />
            </Field>
          </div>
        )}
        {!finished && left > 0 && (
          <p className="text-muted">
            {t("{left, plural, one {# selected run} other {# selected runs}} left out: {reason}.", {
              left,
              reason: reason(task, from),
            })}
          </p>
        )}
        {results.length > 0 && <Results results={results} done={words.done} />}
      </div>
    </Dialog>
  );
}

/** In one line: what, why, what next. */
function spoken(error: unknown): string {
  const { detail, title, errors, hint } = problemOf(error);
  const parts = [
    detail ?? title,
    ...errors.slice(0, 2).map((each) => `${each.pointer} ${each.detail}.`),
    hint,
  ];
  return parts.filter(Boolean).join(" ");
}

function fits(task: Task, run: RunItem, from: "start" | "failed"): boolean {
  if (task === "cancel") return !ended(run.status);
  if (task === "label") return true;
  return ended(run.status) && (from === "start" || run.status !== "COMPLETED");
}

function reason(task: Task, from: "start" | "failed"): string {
  if (task === "cancel") return t("ended already");
  return from === "failed" ? t("no failed step, or still under way") : t("still under way");
}

/** Which platforms will be called again, and how often. */
function Calls({ runs, from }: { runs: readonly RunItem[]; from: "start" | "failed" }) {
  const calls = new Map<string, number>();
  for (const step of runs.flatMap((run) => run.steps)) {
    if (!step.provider || (from === "failed" && step.status === "COMPLETED")) continue;
    calls.set(step.provider, (calls.get(step.provider) ?? 0) + 1);
  }
  return (
    <div>
      <p>
        {t("Each becomes a new run of the same revision with the same input.")}{" "}
        {from === "failed" && t("Completed steps keep their outcome. ")}
        {calls.size > 0 ? t("At most this will be called again:") : t("No step calls a platform.")}
      </p>
      {calls.size > 0 && (
        <ul aria-label={t("Calls that will be made")} className="mt-1 flex flex-wrap gap-x-4 font-medium">
          {[...calls].map(([provider, times]) => (
            <li key={provider}>
              {provider} {count(times)} ×
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Results({ results, done }: { results: readonly Result[]; done: string }) {
  return (
    <ul aria-label={t("Results")} className="flex max-h-72 flex-col overflow-y-auto rounded-md border">
      {results.map(({ run, made, problem }) => (
        <li key={run.id} className="flex min-w-0 items-start gap-2 border-b px-3 py-1.5 last:border-b-0">
          {problem === undefined ? (
            <CircleCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-st-done" />
          ) : (
            <OctagonX aria-hidden className="mt-0.5 size-4 shrink-0 text-st-failed" />
          )}
          <span className="min-w-0 flex-1">
            {t("Run #{number} of {orchestratorName}:", {
              number: run.number,
              orchestratorName: run.orchestratorName,
            })}{" "}
            {problem === undefined ? (
              <span>
                {done}
                {made && made.id !== run.id && (
                  <>
                    {" "}
                    {rich("as {number}", {
                      number: (
                        <Link
                          to="/runs/$runId"
                          params={{ runId: made.id }}
                          className="text-accent-text underline"
                        >
                          #{made.number}
                        </Link>
                      ),
                    })}
                  </>
                )}
              </span>
            ) : (
              <span className="text-st-failed">{problem}</span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
