import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ended, runQuery } from "@/api/queries";
import type { NodeRun, RunDetail, RunItem } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { duration } from "@/lib/time";
import { useNow } from "@/lib/use-now";
import { Loaded, lookOf, StatusIcon, TONE_BG } from "@/ui";

/** A run in its line: when each step ran, and why it failed. */
export function RunExpanded({ run }: { run: RunItem }) {
  const query = useQuery({ ...runQuery(run.id), refetchInterval: ended(run.status) ? false : 3_000 });
  return (
    <section
      aria-label={t("Steps of run {number}", { number: run.number })}
      className="flex h-full gap-4 px-3 py-2 pl-14"
    >
      <Loaded query={query} title={t("The run cannot be shown")}>
        {(detail) => (
          <>
            <Timeline run={detail} />
            <Why run={detail} />
          </>
        )}
      </Loaded>
    </section>
  );
}

function Timeline({ run }: { run: RunDetail }) {
  const now = useNow(ended(run.status) ? 0 : 1000);
  const begin = Date.parse(run.startedAt ?? run.createdDate);
  const end = run.finishedAt ? Date.parse(run.finishedAt) : Math.max(now, begin);
  const span = Math.max(1, end - begin);
  const share = (at: number) => (Math.min(Math.max(at - begin, 0), span) / span) * 100;
  return (
    <ol className="min-w-0 flex-1 overflow-y-auto text-xs">
      {run.nodes.map((node) => {
        const from = node.startedAt ? Date.parse(node.startedAt) : null;
        const to = node.finishedAt ? Date.parse(node.finishedAt) : end;
        return (
          <li key={node.id} className="grid h-6 grid-cols-[minmax(6rem,12rem)_1fr_4.5rem] items-center gap-2">
            <Link
              to="/runs/$runId"
              params={{ runId: run.id }}
              search={{ node: node.id }}
              className="flex h-6 min-w-0 items-center gap-1.5 hover:underline"
            >
              <StatusIcon status={node.status} className="size-3.5 animate-none" />
              <span className="truncate">{node.label}</span>
            </Link>
            <svg aria-hidden viewBox="0 0 100 8" preserveAspectRatio="none" className="h-2 w-full">
              <rect width="100" height="1" y="3.5" fill="var(--line)" />
              {from !== null && (
                <rect
                  x={Math.min(share(from), 99)}
                  width={Math.max(1, share(to) - share(from))}
                  height="8"
                  fill={`var(--st-${lookOf(node.status).tone})`}
                />
              )}
            </svg>
            <span className="tabular text-right text-muted">
              {from === null ? word(node) : duration(to - from)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function word(node: NodeRun): string {
  return lookOf(node.status).label.toLowerCase();
}

function Why({ run }: { run: RunDetail }) {
  const node = run.nodes.find((each) => each.id === run.error?.nodeId);
  return (
    <div className="hidden w-2/5 min-w-0 overflow-y-auto border-l pl-4 text-xs md:block">
      {run.error ? (
        <section aria-label={t("Failure")} className="flex flex-col gap-1">
          <p className="flex items-center gap-1.5 font-medium text-st-failed">
            <span aria-hidden className={cn("size-2 rounded-full", TONE_BG.failed)} />
            {node ? t("Failed at {label}", { label: node.label }) : t("Failed")} · {run.error.code}
          </p>
          <p className="whitespace-pre-wrap break-words">{run.error.message}</p>
          {run.error.hint && <p className="text-muted">{run.error.hint}</p>}
          <Link
            to="/runs/$runId"
            params={{ runId: run.id }}
            search={run.error.nodeId ? { node: run.error.nodeId } : {}}
            className="w-fit text-accent-text hover:underline"
          >
            {t("Open the failed step")}
          </Link>
        </section>
      ) : (
        <p className="text-muted">
          {lookOf(run.status).meaning}. <InAll run={run} />
        </p>
      )}
    </div>
  );
}

function InAll({ run }: { run: RunDetail }) {
  const tries = run.nodes.reduce((all, node) => all + Math.max(0, node.attempt - 1), 0);
  return (
    <>
      {tries > 0
        ? t("{tries} further {tries, plural, one {attempt} other {attempts}} were needed.", { tries })
        : ""}
    </>
  );
}
